"""The central bank's database: one file, one connection, one writer at a time.

Rule: what an answer promises is in the same transaction as the money it moves, so that after a crash the same
question has the same answer, byte for byte.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wallet.database import Schema, connect, transaction

SCHEMA: Final = Schema("ledger_sync.central_bank")


class Store:
    """The database, shared by all that the central bank does."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = connect(path, SCHEMA, shared=True)
        self._looking = threading.Lock()
        self._reader = connect(path, SCHEMA, shared=True)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, while nobody else has it."""
        with self._lock:
            yield self._db

    @contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """A second connection, for what anybody may ask: it waits for no writer, and sees what was committed."""
        with self._looking:
            yield self._reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction of its own, which stands when the block ends and never was if it raises."""
        with self._lock, transaction(self._db):
            yield self._db

    def close(self) -> None:
        with self._lock, self._looking:
            self._reader.close()
            self._db.close()
