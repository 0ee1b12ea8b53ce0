"""Flushes to disk: how often the calling thread makes the disk keep what it was given before it goes on.

Rule: counted, not timed. A flush is a call of ``fsync`` or ``fdatasync`` from Python, or a transaction that SQLite
commits (write-ahead log, synchronous FULL: one flush each). SQLite's checkpoints, now and then two more, are not
counted.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

_SYNCS: Final = (os.fsync, os.fdatasync)


def flushes_of(work: Callable[[], object]) -> int:
    """How many flushes ``work`` makes in this thread."""
    counter = _Counter()
    before = sys.getprofile()
    sys.setprofile(counter.saw)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counter.count


class _Counter:
    def __init__(self) -> None:
        self.count = 0
        self._open: sqlite3.Connection | None = None

    def saw(self, _frame: FrameType, event: str, called: Any) -> None:
        """A profile function (``sys.setprofile``)."""
        if event == "c_call":
            connection = getattr(called, "__self__", None)
            is_open = isinstance(connection, sqlite3.Connection) and connection.in_transaction
            self._open = connection if is_open else None
        elif event == "c_return":
            is_committed = self._open is not None and not self._open.in_transaction
            self.count += called in _SYNCS or is_committed
            self._open = None
