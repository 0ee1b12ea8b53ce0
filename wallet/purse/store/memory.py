"""A purse in memory: thousands of wallets in one process, simulations, tests.

Nothing of it outlives the process, no file is touched and no disk waited for, so it protects nothing and is for
money that is not real. Rule: it keeps the whole contract of the port to a purse's store besides
(tests/purse/test_store_contract.py), by the same tables and migrations. Its pages are small and few statements stay
prepared: with a file's settings a wallet takes more than twice the memory.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from wallet.database import connect
from wallet.purse.store.store import SCHEMA, Store

_PAGE_BYTES: Final = 1_024
_STATEMENTS: Final = 32
_NAMED: Final = Path("memory")


class MemoryHome:
    """Where a purse lies that lies in no folder: what ``Wallet.open`` is given instead of one, as often as the wallet
    is opened again. Whatever was committed is kept until then."""

    def __init__(self) -> None:
        self._tables = _connected()
        self._lent: Store | None = None

    def __repr__(self) -> str:
        return "MemoryHome()"

    def open(self) -> Store:
        """The store, taken from whoever has it open: what they did not commit is undone, as by a kill."""
        if self._lent is not None:
            self._lent.close()
        self._lent = Store(self._tables, _NAMED, _undo)
        return self._lent

    def clone(self) -> MemoryHome:
        """An independent copy, as copying a purse's folder makes one. ``RuntimeError`` within a transaction."""
        if self._tables.in_transaction:
            raise RuntimeError("a purse is copied between transactions")
        other = MemoryHome()
        self._tables.backup(other._tables)
        return other


def _connected() -> sqlite3.Connection:
    connection = connect(":memory:", SCHEMA, shared=True, statements=_STATEMENTS, page_bytes=_PAGE_BYTES)
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _undo(connection: sqlite3.Connection) -> None:
    """Closed or killed: the tables stay, for whoever opens them next."""
    if connection.in_transaction:
        connection.rollback()
