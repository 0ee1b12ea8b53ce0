"""Accounts, movements, entries and orders upon SQL (`ledger_sync.central_bank.ports.books`)."""

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
from ledger_sync.database.store import Store

_POSITION: Final = position("")
_COUNT_ON: Final = """
insert into accounts (name, balance, last) values (?1, ?2, ?3)
on conflict (name) do update set balance = accounts.balance + excluded.balance, last = accounts.last + 1
returning last
"""
"""A new account counts on from the number of the movement that opens it: no number is given twice that was given before
accounts counted, nor one that was left out for a bank that had none yet."""
_MOVEMENTS: Final = """
select e.number, m.kind, m.id, e.amount, m.time, (
    select cast(sum(b.amount) as bigint) from movements n join entries b on b.movement = n.number
    where n.kind = m.kind and n.id = m.id and b.account = e.account and b.number <= e.number
    and (m.kind != ?1 or (b.amount < 0) = (e.amount < 0))
)
from entries e join movements m on m.number = e.movement
where e.account = ?2 and e.number > ?3 order by e.number limit ?4
"""
_IS_MOVED: Final = """
select 1 from movements m join entries e on e.movement = m.number where m.kind = ? and m.id = ? and e.account = ?
"""
_LOST: Final = """
select coalesce(-sum(e.amount), 0) from movements m join entries e on e.movement = m.number
where m.kind = ? and m.id = ? and e.account = ? and e.amount < 0
"""
_COUNT_FROM: Final = """
insert into accounts (name, balance, last) values (?, 0, ?)
on conflict (name) do update set last = excluded.last where accounts.last < excluded.last
"""
_LAST: Final = """
select count(*), coalesce(min(nullif(time, 0)), 0)
from (select time from movements order by number desc limit ?) as newest
"""
_UNSOUND: Final = """
select 1 from accounts where balance != (select coalesce(sum(amount), 0) from entries where account = name)
union all select 1 from entries group by movement having sum(amount) != 0
"""


class SqlBooks:
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
        values = (MovementKind.CHALLENGE.value, position(bank), since, most)
        return [Movement(*row) for row in self._store.rows(_MOVEMENTS, values)]

    def is_moved(self, bank: str, kind: str, cause: bytes) -> bool:
        return self._store.row(_IS_MOVED, (kind, cause, position(bank))) is not None

    def lost(self, bank: str, claim: bytes) -> int:
        return int(self._store.value(_LOST, (MovementKind.CHALLENGE.value, claim, position(bank))))

    def last_number(self, bank: str) -> int:
        return int(self._store.value("select last from accounts where name = ?", (position(bank),)) or 0)

    def number_from(self, bank: str, last: int) -> None:
        self._store.run(_COUNT_FROM, (position(bank), last))

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
        return self._store.row(_UNSOUND) is None and self.sums().is_balanced
