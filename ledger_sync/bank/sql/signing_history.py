"""Signatures and the count of payments upon SQL (`ledger_sync.bank.ports.signing_history`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ledger_sync.bank.parsed import load
from ledger_sync.bank.ports.signing_history import Neighbours
from ledger_sync.bank.sql.sets import tuples
from ledger_sync.database.store import Row, Store
from wallet.database import insertion
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

_SAME_TOKEN: Final = (
    "with named (transfer, signer, origin, output) as {table} select n.transfer, n.signer,"
    " (select i.transfer from inputs i join copies c on c.transfer = i.transfer and c.signer = n.signer"
    " where i.origin = n.origin and i.output = n.output and i.transfer <> n.transfer limit 1) from named n"
)
_SAME_NUMBER: Final = (
    "with named (transfer, signer, sequence) as {table} select n.transfer, n.signer, (select c.transfer from copies c"
    " where c.signer = n.signer and c.sequence = n.sequence and c.transfer <> n.transfer limit 1) from named n"
)
_NEIGHBOURS: Final = (
    "with named (device, sequence) as ({rows}) select n.device, n.sequence,"
    " (select t.payload from transfers t where t.id = (select c.transfer from counted c where c.device = n.device"
    " and c.sequence = (select max(b.sequence) from counted b where b.device = n.device and b.sequence < n.sequence)"
    " order by c.transfer limit 1)),"
    " (select t.payload from transfers t where t.id = (select c.transfer from counted c"
    " where c.device = n.device and c.sequence > n.sequence order by c.sequence, c.transfer limit 1))"
    " from named n"
)
"""Ordered downwards by number and upwards by id, all below would be sorted for it."""
_GIVEN: Final = (
    "with named (device, request) as ({rows}) select n.device, n.request,"
    " (select a.amount from answering a where a.device = n.device and a.request = n.request) from named n"
)
_COUNTED: Final = (
    "with named (device, sequence, transfer) as {table} select c.device, c.transfer from named n"
    " join counted c on c.device = n.device and c.sequence = n.sequence and c.transfer = n.transfer"
)
_COUNT: Final = insertion("counted", ("device", "sequence", "transfer", "amount"), unless_there=False)
_ANSWER: Final = (
    "insert into answering (device, request, amount) values (?, ?, ?)"
    " on conflict (device, request) do update set amount = answering.amount + excluded.amount"
)
_LEVELS: Final = (0, 6, 12, 18, 24, 30)
"""Seconds, and blocks of 64 of them, of 64 of those and so on, up to `MAX_TIME`: powers of two."""
_OF_ONE: Final = 64
"""Blocks of one level in one of the next."""
_REFRESH: Final = (
    "insert into refreshed (key, level, block, amount) values (?, ?, ?, ?)"
    " on conflict (key, level, block) do update set amount = refreshed.amount + excluded.amount"
)
_RANGES: Final = " union all ".join(
    f"select amount from refreshed where key = ?1 and level = ?{place} and block between ?{place + 1} and ?{place + 2}"
    for place in range(2, 2 + 3 * len(_LEVELS), 3)
)
_REFRESHED: Final = f"select coalesce(sum(amount), 0) from ({_RANGES}) as parts"


class SqlSigningHistory:
    """The tables of signatures, as they are read here, and those of what was counted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def signed(self, signer: bytes) -> Sequence[bytes]:
        return self._ids("select transfer from copies where signer = ?", signer)

    def rivals(
        self, copies: Collection[tuple[Signed[Transfer], bytes]]
    ) -> Mapping[tuple[bytes, bytes], Sequence[bytes]]:
        found: dict[tuple[bytes, bytes], list[bytes]] = {}
        inputs = [(made.id, signer, *ref) for made, signer in copies for ref in made.body.inputs]
        numbers = [(made.id, signer, made.body.sequence) for made, signer in copies]
        for transfer, signer, rival in [
            *self._named(_SAME_TOKEN, inputs),
            *self._named(_SAME_NUMBER, numbers),
        ]:
            if rival is not None:
                found.setdefault((transfer, signer), []).append(rival)
        return found

    def count_refreshed(self, signer: bytes, time: int, amount: int) -> None:
        self._store.run_each(_REFRESH, [(signer, level, time >> level, amount) for level in _LEVELS])

    def refreshed(self, signer: bytes, since: int) -> int:
        """Of each level the blocks from where the one below ends to the end of a block of the one above."""
        start, places = since, list[int]()
        for level in _LEVELS:
            first = start >> level
            last = first | _OF_ONE - 1
            places += [level, first, last]
            start = last + 1 << level
        return int(self._store.value(_REFRESHED, (signer, *places)))

    def count(self, payments: Collection[tuple[bytes, Signed[Transfer]]]) -> int:
        with self._store.transaction():
            fresh = {(device, made.id): made.body for device, made in payments}
            numbers = [(device, body.sequence, txid) for (device, txid), body in fresh.items()]
            for known in self._named(_COUNTED, numbers):
                del fresh[known]
            named = [(device, txid, body) for (device, txid), body in fresh.items()]
            self._store.run_each(
                _COUNT, [(device, body.sequence, txid, body.amount) for device, txid, body in named]
            )
            given: Counter[tuple[bytes, bytes]] = Counter()
            for device, _, body in named:
                assert isinstance(body.purpose, bytes)
                given[device, body.purpose] += body.amount
            self._store.run_each(_ANSWER, [(*answered, amount) for answered, amount in given.items()])
            return len(fresh)

    def uncount(self, txid: bytes, request: bytes) -> None:
        rows = self._store.rows("select device, coalesce(amount, 0) from counted where transfer = ?", (txid,))
        for device, amount in rows:
            self._store.run(
                "update answering set amount = amount - ? where device = ? and request = ?",
                (amount, device, request),
            )
            self._store.run(
                "delete from answering where device = ? and request = ? and amount <= 0", (device, request)
            )
        self._store.run("delete from counted where transfer = ?", (txid,))

    def given(self, asked: Collection[tuple[bytes, bytes]]) -> Mapping[tuple[bytes, bytes], int]:
        rows = self._store.rows_over(_GIVEN, ("bytea", "bytea"), list(asked))
        return {(device, request): int(amount) for device, request, amount in rows if amount is not None}

    def neighbours(self, asked: Collection[tuple[bytes, int]]) -> Mapping[tuple[bytes, int], Neighbours]:
        return {
            (device, sequence): (_body(below), _body(above))
            for device, sequence, below, above in self._store.rows_over(
                _NEIGHBOURS, ("bytea", "bigint"), list(set(asked))
            )
        }

    def _named(self, sql: str, values: Collection[Sequence[Any]]) -> list[Row]:
        """What ``sql`` has of a table of these."""
        return [
            row for table, flat in tuples(values) for row in self._store.rows(sql.format(table=table), flat)
        ]

    def _ids(self, sql: str, *values: Any) -> list[bytes]:
        return [row[0] for row in self._store.rows(sql, values)]


def _body(payload: bytes | None) -> Transfer | None:
    return None if payload is None else load(Transfer, payload).body
