"""The port to what a purse keeps: rows and transactions, one for each transition.

Rule: what a transaction committed is kept when ``transaction`` ends; nothing leaves the wallet before. A transaction
that could not be committed is undone, and what SQLite or the system refused is called what it is: ``KeystoreError``
with a code of `hsm.storage`, or STORE_DAMAGED where SQLite says so.

A purse speaks SQL to its own tables (``wallet.database``); what stands behind this port is where they lie: here in one
file per purse, each commit on disk (fsync), or in memory (``wallet.purse.store.memory``). Both keep one contract
(tests/purse/test_store_contract.py).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hsm.storage import fault_of, is_damage
from wallet.database import CLOSED, Schema, connect, insertion, transaction
from wallet.protocol.codes import Code, Refusal, require

SCHEMA: Final = Schema("wallet.purse.store", application_id=0x51414C54)
"""Marked ``QALT``, so that another program's file is not taken for a purse."""
DELIVERY_CURSOR: Final = "delivery_cursor"
"""The fact that says up to where the ledger's deliveries were taken."""

Row = sqlite3.Row


class Store:
    """A connection that knows only transactions and rows."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        let_go: Callable[[sqlite3.Connection], None] = sqlite3.Connection.close,
    ) -> None:
        """``path`` is what failures name; ``let_go`` what becomes of the connection when this is closed."""
        connection.row_factory = sqlite3.Row
        self._connection = connection
        self._path = path
        self._let_go = let_go

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open or create the file, private to its user, and bring it to the newest version.

        Raises ``Refusal``: STORE_VERSION (made by a newer Qalta), STORE_DAMAGED (no purse, or broken);
        ``KeystoreError``: the codes of `hsm.storage`, IN_USE (another program holds the file).
        """
        with told_truly(path):
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
                _sync_folder(path.parent)
            connection = connect(path, SCHEMA, shared=True)
            try:
                _check(connection)
            except BaseException:
                connection.close()
                raise
        return cls(connection, path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable when it ends."""
        with told_truly(self._path), transaction(self._connection):
            yield

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.DatabaseError as error:
            _raise_truth(error, self._path)
            raise

    def _all(self, sql: str, values: Sequence[Any]) -> list[Row]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            _raise_truth(error, self._path)
            raise

    def _first(self, sql: str, values: Sequence[Any]) -> Row | None:
        try:
            found: Row | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.DatabaseError as error:
            _raise_truth(error, self._path)
            raise
        return found

    @contextmanager
    def within(self) -> Iterator[None]:
        """Part of the transaction that is open, or else one of its own."""
        if self._connection.in_transaction:
            yield
        else:
            with self.transaction():
                yield

    def write(self, sql: str, *values: Any) -> int:
        """One statement inside a transaction; how many rows it changed."""
        if not self._connection.in_transaction:
            raise RuntimeError("a purse is only written inside a transaction")
        return self._execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> None:
        """One new row, inside a transaction. ``sqlite3.IntegrityError`` if its key is there already."""
        self.write(insertion(table, tuple(values), unless_there=False), *values.values())

    def insert_new(self, table: str, **values: Any) -> bool:
        """One row unless its key is there already, inside a transaction; whether it was new."""
        return self.write(insertion(table, tuple(values), unless_there=True), *values.values()) == 1

    def rows(self, sql: str, *values: Any) -> list[Row]:
        return self._all(sql, values)

    def row(self, sql: str, *values: Any) -> Row | None:
        return self._first(sql, values)

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        found = self._first(sql, values)
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
        """What was not committed is undone. Again is success; all else raises ``sqlite3.ProgrammingError`` then."""
        connection, self._connection = self._connection, CLOSED
        if connection is not CLOSED:
            self._let_go(connection)


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    require(found == "ok", Code.STORE_DAMAGED)


@contextmanager
def told_truly(path: Path) -> Iterator[None]:
    """What the system or SQLite refuses in the block, about the file ``path``, as what it is."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        _raise_truth(error, path)
        raise


def _raise_truth(error: sqlite3.DatabaseError | OSError, path: Path) -> None:
    """Raise STORE_DAMAGED or the storage fault that ``error`` is; nothing where it is neither, and a fault of ours."""
    if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
        raise Refusal(Code.STORE_DAMAGED, {"file": str(path)}) from error
    fault = fault_of(error, path)
    if fault is not None:
        raise fault from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
