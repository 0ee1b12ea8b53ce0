"""The feed upon SQL. Writers take turns, so a customer's next number is counted from the last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger_sync.bank.ports.feed import Apart, Listed, News, What, next_to_it
from ledger_sync.database.store import Row, Store
from wallet.database import insertion

_LISTED: Final = insertion("deliveries", ("customer", "number", "kind", "object"), unless_there=False)

_FOUND: Final = (
    "with named (customer, object) as ({rows}) select n.customer, n.object,"
    " (select d.number from deliveries d where d.customer = n.customer and d.object = n.object) from named n"
    " union all select n.customer, null, (select max(d.number) from deliveries d where d.customer = n.customer)"
    " from (select distinct customer from named) as n"
)
"""Each is looked for by an index, whatever PostgreSQL knew of the table when it planned that: in a join it may go
through the table for each row of the set."""


class SqlFeed:
    """`ledger_sync.bank.ports.feed.Feed`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, news: Sequence[News], least: int, apart: Apart = next_to_it) -> int:
        with self._store.transaction():
            what = {(customer, name): kind for customer, kind, name in reversed(news)}
            fresh = dict.fromkeys((customer, name) for customer, _, name in news)
            last: dict[str, int] = {}
            for customer, name, number in self._found(fresh):
                if name is None:
                    last[customer] = number or 0
                elif number is not None:
                    del fresh[customer, name]
            rows: list[Row] = []
            for customer, name in fresh:
                last[customer] = max(least, last[customer]) + apart(name)
                rows.append((customer, last[customer], what[customer, name].value, name))
            self._store.run_each(_LISTED, rows)
            return len(rows)

    def _found(self, news: Collection[tuple[str, bytes]]) -> list[Row]:
        """The number of each of these, where it is listed, and each customer's last, beside no object."""
        return self._store.rows_over(_FOUND, ("text", "bytea"), list(news))

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
            "select distinct t.origin, s.payload is not null from tokens t"
            " left join settlements s on s.transfer = t.origin where t.owner = ? and t.value is not null",
            (key,),
        )
        return [(What.TRANSFER if is_transfer else What.ISSUANCE, origin) for origin, is_transfer in rows]
