"""Whose turn it is to write in a store, among the threads of one process.

Rule: nobody queues at a store that is away. Whoever waited while it was found so is told that and does not try by
himself; while it is so one at a time tries, and the rest hears it at once. Nothing was begun by then, so a wait for a
turn may end, where one for a commit may not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SECONDS: Final = 30.0
"""For a turn, at most; as long as pieces of a batch queue (`ledger_sync.service.batches`)."""


class Late(Exception):
    """No turn was to be had: the store is away, or whoever has it comes to no end."""


class Turn:
    """One thread at a time, which may take it again inside."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._lock = threading.RLock()
        self._seconds = seconds
        self._is_away = False
        self._vain = 0
        """How often the store was found away."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A block that is the caller's turn. Raises `Late`."""
        before = self._vain
        if not self._lock.acquire(timeout=0 if self._is_away else self._seconds):
            self._is_away = True
            raise Late("whoever writes there comes to no end")
        try:
            if self._vain != before:
                raise Late("it was found away meanwhile")
            try:
                yield
            finally:
                self._is_away = self._vain != before
        finally:
            self._lock.release()

    @contextmanager
    def at_last(self) -> Iterator[None]:
        """A block that is the caller's turn, however long that takes."""
        with self._lock:
            yield

    def taken_at_once(self) -> bool:
        """Whether nobody else has it, so that it is the caller's until `give_back`."""
        return self._lock.acquire(blocking=False)

    def give_back(self) -> None:
        self._lock.release()

    def found_away(self) -> None:
        """Whoever has the turn could not reach the store."""
        self._vain += 1
        self._is_away = True
