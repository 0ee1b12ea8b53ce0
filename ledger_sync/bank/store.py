"""The bank's SQLite store: one file, one connection, one writer at a time.

Rule: WAL with synchronous FULL, foreign keys on; what a transaction wrote is on disk before anybody hears of it.
Migrations are numbered and only ever added; a newer schema than this program knows is refused.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

from wallet.protocol.codes import Code, Refusal

Row = tuple[Any, ...]

_PACKAGE: Final = "ledger_sync.bank"
_FOLDER: Final = "migrations"


class Store:
    """Safe to share between threads: every statement holds the lock, a transaction holds it to its end."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
            self._db.execute(f"pragma {pragma}")
        self._migrate()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another transaction it is a part of that one."""
        with self._lock:
            if self._depth:
                yield
                return
            self._db.execute("begin immediate")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            else:
                self._db.execute("commit")
            finally:
                self._depth = 0

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a change; the number of rows that it touched."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> bool:
        """Insert a row unless its key is there already; whether it was new."""
        names = ", ".join(values)
        places = ", ".join("?" * len(values))
        sql = f"insert into {table} ({names}) values ({places}) on conflict do nothing"
        return self.run(sql, tuple(values.values())) == 1

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

    def _migrate(self) -> None:
        scripts = sorted(
            (item for item in (resources.files(_PACKAGE) / _FOLDER).iterdir() if item.name.endswith(".sql")),
            key=lambda item: item.name,
        )
        have = int(self.value("pragma user_version"))
        if have > len(scripts):
            raise Refusal(Code.STORE_VERSION, {"have": have, "known": len(scripts)})
        for number, script in enumerate(scripts[have:], have + 1):
            self._db.executescript(
                f"begin immediate; {script.read_text()} pragma user_version = {number}; commit;"
            )
