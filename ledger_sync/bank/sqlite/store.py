"""The bank's SQLite store: one file, one connection, one writer at a time.

Rule: what a transaction wrote is on disk before anybody hears of it (`wallet.database`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wallet.database import Schema, connect, insertion, transaction

Row = tuple[Any, ...]

SCHEMA: Final = Schema("ledger_sync.bank.sqlite")


class Store:
    """The unit of work (`ledger_sync.bank.ports.unit`), and the statements of whatever stands beside it.

    Safe to share between threads: every statement holds the lock, a transaction holds it to its end.
    """

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._writer: int | None = None
        self._ends: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._db = connect(path, SCHEMA, shared=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another transaction it is a part of that one."""
        with self._lock:
            if self.in_transaction:
                yield
                return
            self._writer = threading.get_ident()
            try:
                with transaction(self._db):
                    yield
                    for finish, _ in self._ends:
                        finish()
            except BaseException:
                for _, forget in self._ends:
                    forget()
                raise
            finally:
                self._writer = None

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside a transaction of this store."""
        return self._writer == threading.get_ident()

    def at_end(self, finish: Callable[[], None], forget: Callable[[], None]) -> None:
        """``finish`` is called at the end of each transaction, within it; ``forget`` where it is undone."""
        self._ends.append((finish, forget))

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a change; the number of rows that it touched."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a change for each row of values."""
        with self._lock:
            self._db.executemany(sql, rows)

    def insert(self, table: str, **values: Any) -> bool:
        """Insert a row unless its key is there already; whether it was new."""
        return self.run(insertion(table, tuple(values), unless_there=True), tuple(values.values())) == 1

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        with self._lock:
            found: Row | None = self._db.execute(sql, values).fetchone()
            return found

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None where there is none."""
        found = self.row(sql, values)
        return None if found is None else found[0]

    def close(self) -> None:
        with self._lock:
            self._db.close()
