"""The central bank's SQLite store: one file, two connections, one writer at a time.

Rule: what a transaction wrote is on disk before anybody hears of it (`wallet.database`). What is read outside one is
read beside whoever writes, as it was last committed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wallet.database import Schema, connect, insertion, transaction

Row = tuple[Any, ...]

SCHEMA: Final = Schema("ledger_sync.central_bank.sqlite")


class Store:
    """Transactions, and statements. Safe to share between threads."""

    def __init__(self, path: Path | str) -> None:
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        self._writer: int | None = None
        self._db = connect(path, SCHEMA, shared=True)
        self._reader = connect(path, SCHEMA, shared=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another of the same thread it is a part of that one."""
        with self._writing:
            if self.in_transaction:
                yield
                return
            self._writer = threading.get_ident()
            try:
                with transaction(self._db):
                    yield
            finally:
                self._writer = None

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside a transaction of this store."""
        return self._writer == threading.get_ident()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a change; the number of rows that it touched."""
        with self.transaction():
            return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> bool:
        """Insert a row unless its key is there already; whether it was new."""
        return self.run(insertion(table, tuple(values), unless_there=True), tuple(values.values())) == 1

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._connection() as db:
            return db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        with self._connection() as db:
            found: Row | None = db.execute(sql, values).fetchone()
            return found

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None where there is none."""
        found = self.row(sql, values)
        return None if found is None else found[0]

    def has(self, sql: str, values: Sequence[Any] = ()) -> bool:
        return self.row(sql, values) is not None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self.in_transaction:
            yield self._db
            return
        with self._reading:
            yield self._reader

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._db.close()
