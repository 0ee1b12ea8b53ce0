"""Which calls were answered already: a nonce counts once per sender, also after a crash.

Rule: a nonce is on disk before its call is answered. It is kept while a call of its time could still be taken
for a fresh one, and swept in passing.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from ledger_sync.http.call import WINDOW, SignedCall
from wallet.database import Schema, connect, insert
from wallet.protocol.codes import Code, Refusal

SCHEMA: Final = Schema("ledger_sync.service", "migrations/nonces")
_SWEEP_EVERY: Final = 256
"""Calls between two sweeps."""


class Nonces:
    """The calls of the last minutes, in a SQLite file of their own; safe to share between threads."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._db = connect(path, SCHEMA, shared=True)

    def remember(self, call: SignedCall, now: int) -> None:
        """Take note of `call`. AUTH_REPLAYED if it was noted before."""
        with self._lock:
            if self._calls % _SWEEP_EVERY == 0:
                self._db.execute("delete from nonces where time < ?", (now - WINDOW,))
            self._calls += 1
            try:
                insert(self._db, "nonces", sender=call.sender, nonce=call.nonce, time=call.time)
            except sqlite3.IntegrityError as error:
                raise Refusal(Code.AUTH_REPLAYED) from error

    def close(self) -> None:
        with self._lock:
            self._db.close()
