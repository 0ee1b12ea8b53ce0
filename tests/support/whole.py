"""All that stands in a store in PostgreSQL, to be compared with what stood there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ledger_sync.database.store import Store


def everything(
    store: Store, schema: str, given_by_the_engine: Collection[tuple[str, str]] = ()
) -> dict[str, list[tuple[Any, ...]]]:
    """All rows by table, but for columns with numbers that the engine gave: an attempt that came to nothing uses up
    one."""
    columns: dict[str, list[str]] = {}
    for table, column in store.rows(
        'select table_name::text collate "C", column_name::text from information_schema.columns'
        " where table_schema = ? order by 1, 2",
        (schema,),
    ):
        if (table, column) not in given_by_the_engine:
            columns.setdefault(table, []).append(column)
    return {
        table: sorted(store.rows(f"select {', '.join(names)} from {table}"), key=repr)
        for table, names in columns.items()
    }
