"""One SQLite file per purse: WAL, synchronous FULL, one transaction per transition, numbered migrations.

What a transaction committed is on disk (fsync) when ``transaction`` ends; nothing leaves the wallet before.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from wallet.protocol.codes import Code, Refusal, require

APPLICATION_ID: Final = 0x51414C54
"""``QALT``, so that another program's file is not taken for a purse."""
DELIVERY_CURSOR: Final = "delivery_cursor"
"""The fact that says up to where the ledger's deliveries were taken."""
_BUSY_MILLISECONDS: Final = 10_000

Row = sqlite3.Row


def migrations() -> tuple[str, ...]:
    """The SQL of every version, oldest first; version n is the n-th."""
    folder = files("wallet.purse") / "migrations"
    scripts = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name
    )
    return tuple(script.read_text(encoding="utf-8") for script in scripts)


class Store:
    """A connection that knows only transactions and rows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open or create the file, private to its user, and bring it to the newest version.

        Raises ``Refusal``: STORE_VERSION (made by a newer Qalta), STORE_DAMAGED (no purse, or broken).
        """
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            _sync_folder(path.parent)
        try:
            connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
            connection.row_factory = sqlite3.Row
            store = cls(connection)
            store._prepare()
        except sqlite3.DatabaseError as error:
            raise Refusal(Code.STORE_DAMAGED) from error
        return store

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        found = execute("PRAGMA application_id").fetchone()[0]
        version = execute("PRAGMA user_version").fetchone()[0]
        tables = execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        require(found == APPLICATION_ID or (found == 0 and tables == 0), Code.STORE_DAMAGED)
        scripts = migrations()
        require(version <= len(scripts), Code.STORE_VERSION, found=version, known=len(scripts))
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA foreign_keys = ON")
        if version < len(scripts):
            self._migrate(scripts[version:], len(scripts))
        require(execute("PRAGMA quick_check(1)").fetchone()[0] == "ok", Code.STORE_DAMAGED)

    def _migrate(self, scripts: Sequence[str], version: int) -> None:
        """All or nothing: a half-done upgrade is never seen."""
        with self.transaction():
            for script in scripts:
                for statement in _statements(script):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {version}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable when it ends."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def write(self, sql: str, *values: Any) -> int:
        """One statement inside a transaction; how many rows it changed."""
        if not self._connection.in_transaction:
            raise RuntimeError("a purse is only written inside a transaction")
        return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Row | None:
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        found = self._connection.execute(sql, values).fetchone()
        return None if found is None else found[0]

    def fact(self, name: str) -> Any:
        return self.value("SELECT value FROM fact WHERE name = ?", name)

    def set_fact(self, name: str, value: int | bytes | str) -> None:
        self.write(
            "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    def clear_fact(self, name: str) -> None:
        self.write("DELETE FROM fact WHERE name = ?", name)

    def close(self) -> None:
        self._connection.close()


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
