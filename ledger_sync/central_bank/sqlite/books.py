"""Accounts, movements, entries and orders upon SQLite (`ledger_sync.central_bank.ports.books`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from ledger_sync.central_bank.ports.books import (
    ISSUED,
    OUTSTANDING,
    REDEEMED,
    Movement,
    MovementKind,
    Order,
    Sums,
    position,
)
from ledger_sync.central_bank.sqlite.store import Store

_POSITION: Final = position("")
_COUNT_ON: Final = """
insert into accounts (name, balance, last) values (?1, ?2, ?3)
on conflict (name) do update set balance = balance + excluded.balance, last = last + 1
returning last
"""
"""A new account counts on from the number of the movement that opens it: no number is given twice that was given before
accounts counted, nor one that was left out for a bank that had none yet."""
_MOVEMENTS: Final = """
select e.number, kind, id, amount, time from entries e join movements m on m.number = movement
where account = ? and e.number > ? order by e.number limit ?
"""
_IS_MOVED: Final = """
select 1 from movements m join entries e on e.movement = m.number where m.kind = ? and m.id = ? and e.account = ?
"""
_LAST: Final = """
select count(*), coalesce(min(nullif(time, 0)), 0) from (select time from movements order by number desc limit ?)
"""
_UNSOUND: Final = """
select 1 from accounts where balance != (select coalesce(sum(amount), 0) from entries where account = name)
union all select 1 from entries group by movement having sum(amount) != 0
"""


class SqliteBooks:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def book(
        self, kind: str, cause: bytes, time: int, changes: Mapping[str, int], covered: Collection[str]
    ) -> str | None:
        with self._store.transaction():
            for account in covered:
                if self.balance(account) + changes[account] < 0:
                    return account
            number = self._store.value("select coalesce(max(number), 0) + 1 from movements")
            self._store.insert("movements", number=number, kind=kind, id=cause, time=time)
            for account, amount in changes.items():
                ((last,),) = self._store.rows(_COUNT_ON, (account, amount, number))
                self._store.insert("entries", movement=number, account=account, amount=amount, number=last)
        return None

    def balance(self, account: str) -> int:
        return int(self._store.value("select balance from accounts where name = ?", (account,)) or 0)

    def sums(self) -> Sums:
        balances: dict[str, int] = dict(self._store.rows("select name, balance from accounts order by name"))
        positions = tuple(
            (name.removeprefix(_POSITION), held)
            for name, held in balances.items()
            if name.startswith(_POSITION)
        )
        outstanding = balances.get(OUTSTANDING, 0)
        return Sums(-balances.get(ISSUED, 0), balances.get(REDEEMED, 0), outstanding, positions)

    def movements(self, bank: str, since: int, most: int) -> list[Movement]:
        return [Movement(*row) for row in self._store.rows(_MOVEMENTS, (position(bank), since, most))]

    def is_moved(self, bank: str, kind: str, cause: bytes) -> bool:
        return self._store.has(_IS_MOVED, (kind, cause, position(bank)))

    def last_number(self, bank: str) -> int:
        return int(self._store.value("select last from accounts where name = ?", (position(bank),)) or 0)

    def number_from(self, bank: str, last: int) -> None:
        self._store.run(
            "insert into accounts (name, balance, last) values (?, 0, ?)"
            " on conflict (name) do update set last = max(last, excluded.last)",
            (position(bank), last),
        )

    def earliest_of_last(self, most: int) -> tuple[int, int]:
        ((count, earliest),) = self._store.rows(_LAST, (most,))
        return count, earliest

    def order(self, kind: MovementKind, order_id: bytes) -> Order | None:
        row = self._store.row(
            "select bank, amount, total from orders where kind = ? and id = ?", (kind.value, order_id)
        )
        return None if row is None else Order(kind, order_id, *row)

    def keep_order(self, order: Order) -> bool:
        return self._store.insert(
            "orders",
            kind=order.kind.value,
            id=order.id,
            bank=order.bank,
            amount=order.amount,
            total=order.total,
        )

    def is_sound(self) -> bool:
        return not self._store.has(_UNSOUND) and self.sums().is_balanced
