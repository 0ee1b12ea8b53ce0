"""What a service asks of its store: every statement with its plan, and how many steps SQLite takes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.database.store import Store

_TABLE = re.compile(r"\b(?:from|join|update|into)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE)
_NO_ALIAS = {
    "where",
    "set",
    "on",
    "join",
    "left",
    "cross",
    "order",
    "group",
    "limit",
    "values",
    "union",
    "using",
}
_SCAN = re.compile(r"^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


class Recording:
    """A connection that remembers what it was asked, with values that it was asked with."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.asked: dict[str, Sequence[Any]] = {}

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        self.asked.setdefault(sql, values)
        return self.connection.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        listed = list(rows)
        for values in listed[:1]:
            self.asked.setdefault(sql, values)
        return self.connection.executemany(sql, listed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def scans(self) -> dict[str, str]:
        """Statements that read a whole table or index, with its name: `table`, or `table:index`."""
        found = {}
        for sql, values in self.asked.items():
            if not re.match(r"\s*(select|with|insert|update|delete)", sql, re.IGNORECASE):
                continue
            for *_, detail in self.connection.execute(f"explain query plan {sql}", values):
                scan = _SCAN.match(detail)
                if scan is not None and (name := tables(sql).get(scan[1])) is not None:
                    found[sql] = name if scan[2] is None else f"{name}:{scan[2]}"
        return found


def tables(sql: str) -> dict[str, str]:
    """The tables of a statement by the names that they have in it."""
    found = {}
    for table, alias in _TABLE.findall(sql):
        found[table] = table
        if alias and alias.lower() not in _NO_ALIAS:
            found[alias] = table
    return found


def connections_of(store: Store) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """The one that writes, and the one that reads beside it."""
    assert isinstance(store, SqliteStore)
    return store._db, store._reader


def recorded(store: Store) -> list[Recording]:
    """From now on, both connections of a store remember what they were asked."""
    assert isinstance(store, SqliteStore)
    writer, reader = map(Recording, connections_of(store))
    store._db, store._reader = writer, reader  # type: ignore[assignment]
    return [writer, reader]


@contextmanager
def steps_of(*connections: sqlite3.Connection) -> Iterator[Callable[[], int]]:
    """How many instructions SQLite's machine has carried out since the block began."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    for connection in connections:
        connection.set_progress_handler(step, 1)
    try:
        yield lambda: count
    finally:
        for connection in connections:
            connection.set_progress_handler(None, 0)
