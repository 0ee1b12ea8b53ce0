"""Movements that were seen and booked, and what is unclaimed of them, upon SQL (`ledger_sync.bank.ports.movements`)."""

from __future__ import annotations

from typing import Final

from ledger_sync.database.store import Store

_CURSOR: Final = "movements"


class SqlMovements:
    """The cursor, and the tables of what was booked by the list and of what is unclaimed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seen(self) -> int:
        return int(self._store.value("select value from cursors where name = ?", (_CURSOR,)) or 0)

    def advance(self, seen: int, to: int) -> bool:
        with self._store.transaction():
            if self.seen() != seen:
                return False
            self._store.run(
                "insert into cursors (name, value) values (?, ?)"
                " on conflict (name) do update set value = excluded.value",
                (_CURSOR, to),
            )
            return True

    def moved(self, kind: str, cause: bytes) -> int | None:
        total: int | None = self._store.value(
            "select total from moved where kind = ? and cause = ?", (kind, cause)
        )
        return total

    def keep_moved(self, kind: str, cause: bytes, total: int) -> None:
        self._store.run(
            "insert into moved (kind, cause, total) values (?, ?, ?)"
            " on conflict (kind, cause) do update set total = excluded.total",
            (kind, cause, total),
        )

    def hold(self, kind: str, cause: bytes, amount: int) -> None:
        self._store.run(
            "insert into unclaimed (kind, cause, amount) values (?, ?, ?)"
            " on conflict (kind, cause) do update set amount = unclaimed.amount + excluded.amount",
            (kind, cause, amount),
        )

    def held(self, kind: str, cause: bytes) -> int | None:
        held: int | None = self._store.value(
            "select amount from unclaimed where kind = ? and cause = ?", (kind, cause)
        )
        return held

    def give(self, kind: str, cause: bytes, amount: int) -> bool:
        with self._store.transaction():
            count = self._store.run(
                "update unclaimed set amount = amount - ?1 where kind = ?2 and cause = ?3 and amount >= ?1",
                (amount, kind, cause),
            )
            self._store.run(
                "delete from unclaimed where kind = ? and cause = ? and amount = 0", (kind, cause)
            )
            return count == 1

    def known_again(self, kind: str, cause: bytes) -> bool:
        return self._store.run("delete from unclaimed where kind = ? and cause = ?", (kind, cause)) == 1

    def held_of(self, kind: str) -> list[bytes]:
        rows = self._store.rows("select cause from unclaimed where kind = ? order by cause", (kind,))
        return [row[0] for row in rows]
