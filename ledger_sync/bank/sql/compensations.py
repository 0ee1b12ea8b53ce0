"""Compensations upon SQL (`ledger_sync.bank.ports.compensations`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.ports.compensations import Share
from ledger_sync.database.store import Store

_NOTE: Final = (
    "insert into compensations (claim, wanted, place, customer, paid, owed) values (?, ?, ?, ?, ?, ?)"
    " on conflict (claim, wanted, place) do update set owed = excluded.owed,"
    " paid = case when excluded.paid > compensations.paid then excluded.paid else compensations.paid end"
)
_OWED: Final = "select claim, wanted, place from compensations where owed > 0"
_OWED_FOR_TRANSFERS: Final = (
    "select distinct claim from compensations where owed > 0 and claim in (select id from transfers)"
)
_WORTH: Final = (
    "select sum(coalesce(k.value, k.amount)) from inputs i join tokens k"
    " on k.origin = i.origin and k.output = i.output where i.transfer = ?"
)


class SqlCompensations:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, share: Share, account: str, paid: int, owed: int) -> int:
        key = (share.claim, share.wanted, share.place)
        with self._store.transaction():
            before = self._store.value(
                "select paid from compensations where claim = ? and wanted = ? and place = ?", key
            )
            self._store.run(_NOTE, (*key, account, paid, owed))
        return max(0, paid - (before or 0))

    def of(self, claim: bytes) -> Sequence[Share]:
        rows = self._store.rows("select claim, wanted, place from compensations where claim = ?", (claim,))
        return [Share(*row) for row in rows]

    def owed(self, claim: bytes | None = None) -> Sequence[Share]:
        rows = (
            self._store.rows(_OWED) if claim is None else self._store.rows(f"{_OWED} and claim = ?", (claim,))
        )
        return [Share(*row) for row in rows]

    def most(self, txids: Collection[bytes]) -> Mapping[bytes, int]:
        owed = [txid for (txid,) in self._store.rows(_OWED_FOR_TRANSFERS)]
        return {txid: self._most(txid) for txid in sorted({*txids, *owed})}

    def _most(self, txid: bytes) -> int:
        owed = self._store.value("select sum(owed) from compensations where claim = ?", (txid,))
        return int(owed) if owed is not None else int(self._store.value(_WORTH, (txid,)) or 0)
