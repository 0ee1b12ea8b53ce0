"""A store in a SQLite file: one connection that writes, one that reads beside it while it does (`wallet.database`)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from ledger_sync.database.store import Row, Store
from wallet.database import Schema, connect, transaction

R = TypeVar("R")

_PIECE: Final = 64
"""Rows of a set in one statement."""
_CACHE_KIB: Final = 32_768
"""Pages that the writing connection keeps at most: ids are hashes, so that each row lies on a page of its own."""


class SqliteStore(Store):
    """`Store` in one file."""

    def __init__(self, path: Path | str, schema: Schema) -> None:
        """Raises what `wallet.database.connect` does."""
        super().__init__()
        self._reading = threading.Lock()
        self._db = connect(path, schema, shared=True)
        self._db.execute(f"pragma cache_size = {-_CACHE_KIB}")
        self._reader = connect(path, schema, shared=True)

    def _whole(self, *, is_durable: bool) -> AbstractContextManager[None]:
        return transaction(self._db) if is_durable else self._unflushed()

    @contextmanager
    def _unflushed(self) -> Iterator[None]:
        """Written to the log; the next flush keeps it, with all that stands before it there."""
        self._db.execute("pragma synchronous = normal")
        try:
            with transaction(self._db):
                yield
        finally:
            self._db.execute("pragma synchronous = full")

    def _over(
        self, sql: str, types: Sequence[str], rows: Sequence[Row]
    ) -> Iterable[tuple[str, Sequence[Any]]]:
        one = f"({', '.join('?' * len(types))})"
        for start in range(0, len(rows), _PIECE):
            piece = rows[start : start + _PIECE]
            places = f"values {', '.join([one] * len(piece))}"
            yield sql.format(rows=places), [value for row in piece for value in row]

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self.transaction():
            return self._db.execute(sql, values).rowcount

    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        listed = list(rows)
        if listed:
            with self.transaction():
                self._db.executemany(sql, listed)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._read(lambda db: db.execute(sql, values).fetchall())

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        found: Row | None = self._read(lambda db: db.execute(sql, values).fetchone())
        return found

    def _read(self, read: Callable[[sqlite3.Connection], R]) -> R:
        """By the connection that writes, as long as nobody writes: it has in memory what it wrote, and the other one
        reads all of it from the log again."""
        if self.in_transaction:
            return read(self._db)
        if self._writing.taken_at_once():
            try:
                return read(self._db)
            finally:
                self._writing.give_back()
        with self._reading:
            return read(self._reader)

    def close(self) -> None:
        with self._writing.at_last(), self._reading:
            self._reader.close()
            self._db.close()
