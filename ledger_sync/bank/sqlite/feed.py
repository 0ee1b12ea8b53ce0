"""The feed upon SQLite. Writers take turns, so a customer's next number is the one after the last."""

from __future__ import annotations

from typing import Final

from ledger_sync.bank.ports.feed import Listed, What
from ledger_sync.bank.sqlite.store import Store

_APPEND: Final = (
    "insert into deliveries (customer, number, kind, object)"
    " select ?1, max(?2, 1 + coalesce((select max(number) from deliveries where customer = ?1), 0)), ?3, ?4"
    " where true on conflict (customer, object) do nothing"
)


class SqliteFeed:
    """`ledger_sync.bank.ports.feed.Feed`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, customer: str, what: What, name: bytes, least: int) -> bool:
        return self._store.run(_APPEND, (customer, least, what.value, name)) == 1

    def after(self, customer: str, number: int, most: int) -> list[Listed]:
        rows = self._store.rows(
            "select number, kind, object from deliveries where customer = ? and number > ? order by number limit ?",
            (customer, number, most),
        )
        return [Listed(place, What(kind), name) for place, kind, name in rows]

    def gave(self, customer: str, number: int) -> bool:
        sql = "select 1 from deliveries where customer = ? and number = ?"
        return self._store.row(sql, (customer, number)) is not None

    def lists(self, customer: str, name: bytes) -> bool:
        sql = "select 1 from deliveries where customer = ? and object = ?"
        return self._store.row(sql, (customer, name)) is not None

    def settled_for(self, key: bytes) -> list[tuple[What, bytes]]:
        rows = self._store.rows(
            "select t.origin, s.payload is not null from tokens t left join settlements s on s.transfer = t.origin"
            " where t.owner = ? and t.value is not null group by t.origin",
            (key,),
        )
        return [(What.TRANSFER if is_transfer else What.ISSUANCE, origin) for origin, is_transfer in rows]
