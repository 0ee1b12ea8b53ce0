"""One SQLite file per purse (``wallet.database``): one transaction per transition.

What a transaction committed is on disk (fsync) when ``transaction`` ends; nothing leaves the wallet before.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wallet.database import Schema, connect, insertion, transaction
from wallet.protocol.codes import Code, Refusal, require

SCHEMA: Final = Schema("wallet.purse", application_id=0x51414C54)
"""Marked ``QALT``, so that another program's file is not taken for a purse."""
DELIVERY_CURSOR: Final = "delivery_cursor"
"""The fact that says up to where the ledger's deliveries were taken."""

Row = sqlite3.Row


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
            connection = connect(path, SCHEMA)
            _check(connection)
        except sqlite3.DatabaseError as error:
            raise Refusal(Code.STORE_DAMAGED) from error
        connection.row_factory = sqlite3.Row
        return cls(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable when it ends."""
        with transaction(self._connection):
            yield

    def write(self, sql: str, *values: Any) -> int:
        """One statement inside a transaction; how many rows it changed."""
        if not self._connection.in_transaction:
            raise RuntimeError("a purse is only written inside a transaction")
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> None:
        """One new row, inside a transaction. ``sqlite3.IntegrityError`` if its key is there already."""
        self.write(insertion(table, tuple(values), unless_there=False), *values.values())

    def insert_new(self, table: str, **values: Any) -> bool:
        """One row unless its key is there already, inside a transaction; whether it was new."""
        return self.write(insertion(table, tuple(values), unless_there=True), *values.values()) == 1

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
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    def clear_fact(self, name: str) -> None:
        self.write("DELETE FROM fact WHERE name = ?", name)

    def close(self) -> None:
        self._connection.close()


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    require(found == "ok", Code.STORE_DAMAGED)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
