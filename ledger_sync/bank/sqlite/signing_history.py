"""Signatures and the count of payments upon SQLite (`ledger_sync.bank.ports.signing_history`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

_SAME_TOKEN: Final = (
    "select * from (select i.transfer from inputs i join copies c on c.transfer = i.transfer and c.signer = ?"
    " where i.origin = ? and i.output = ? and i.transfer <> ? limit 1)"
)
_SAME_NUMBER: Final = (
    "select * from (select transfer from copies where signer = ? and sequence = ? and transfer <> ? limit 1)"
)
_NEIGHBOURS: Final = (
    "select (select transfer from counted where device = ?1 and sequence < ?2 order by sequence desc, transfer"
    " limit 1), (select transfer from counted where device = ?1 and sequence > ?2 order by sequence, transfer limit 1)"
)


class SqliteSigningHistory:
    """The tables of signatures, as they are read here, and those of what was counted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def signed(self, signer: bytes) -> Sequence[bytes]:
        return self._ids("select transfer from copies where signer = ?", signer)

    def rivals(self, transfer: Signed[Transfer], signer: bytes) -> Iterator[bytes]:
        refs = transfer.body.inputs
        values = [value for ref in refs for value in (signer, *ref, transfer.id)]
        sql = " union all ".join([_SAME_TOKEN] * len(refs) + [_SAME_NUMBER])
        yield from self._ids(sql, *values, signer, transfer.body.sequence, transfer.id)

    def redeemed(self, signer: bytes) -> Sequence[bytes]:
        return self._ids(
            "select r.transfer from redemptions r join copies c on c.transfer = r.transfer where c.signer = ?",
            signer,
        )

    def count(self, device: bytes, transfer: Signed[Transfer]) -> bool:
        body = transfer.body
        is_new = self._store.insert(
            "counted", device=device, sequence=body.sequence, transfer=transfer.id, amount=body.amount
        )
        if is_new:
            self._store.run(
                "insert into answering (device, request, amount) values (?, ?, ?)"
                " on conflict do update set amount = amount + excluded.amount",
                (device, body.purpose, body.amount),
            )
        return is_new

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

    def given(self, device: bytes, request: bytes) -> int:
        sql = "select amount from answering where device = ? and request = ?"
        return int(self._store.value(sql, (device, request)) or 0)

    def neighbours(self, device: bytes, sequence: int) -> tuple[bytes | None, bytes | None]:
        row = self._store.row(_NEIGHBOURS, (device, sequence))
        assert row is not None
        return row[0], row[1]

    def _ids(self, sql: str, *values: Any) -> list[bytes]:
        return [row[0] for row in self._store.rows(sql, values)]
