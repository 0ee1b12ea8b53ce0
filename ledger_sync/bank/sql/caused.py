"""Caused upon SQL (`ledger_sync.bank.ports.caused`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.parsed import load
from ledger_sync.bank.ports.caused import FUNDING, LOST, REDEMPTION, Noted
from ledger_sync.database.store import Row, Store
from ledger_sync.heard import PAGE, start
from wallet.protocol.issuance import Issuance

_NOTED: Final = (
    "select c.number, c.kind, c.cause, c.subject, i.payload, i.signature, m.total from caused c"
    f" left join fundings f on f.id = c.cause and c.kind = '{FUNDING}'"
    f" left join redemptions r on r.transfer = c.cause and c.kind = '{REDEMPTION}'"
    f" left join moved m on m.kind = c.kind and m.cause = c.cause and c.kind = '{LOST}'"
    " left join issuances i on i.id = coalesce(f.issuance, r.issuance)"
)


class SqlCaused:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, kind: str, cause: bytes, subject: bytes | None, time: int) -> bool:
        return self._store.insert("caused", kind=kind, cause=cause, subject=subject, time=time)

    def forget(self, kind: str, cause: bytes) -> None:
        self._store.run("delete from caused where kind = ? and cause = ?", (kind, cause))

    def since(self, since: int, after: int, *, with_lost: bool = False) -> Sequence[Noted]:
        first = max(after, start(self._store.rows, since, "caused"))
        named = "" if with_lost else f" and c.kind <> '{LOST}'"
        rows = self._store.rows(
            f"{_NOTED} where c.number > ?{named} order by c.number limit ?", (first, PAGE)
        )
        return [_noted(row) for row in rows]

    def get(self, kind: str, cause: bytes) -> Noted | None:
        row = self._store.row(f"{_NOTED} where c.kind = ? and c.cause = ?", (kind, cause))
        return None if row is None else _noted(row)


def _noted(row: Row) -> Noted:
    number, kind, cause, subject, payload, signature, lost = row
    issuance = None if payload is None else load(Issuance, payload, signature)
    return Noted(number, kind, cause, subject, issuance, -(lost or 0))
