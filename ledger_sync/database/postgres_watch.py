"""Waits at a server that has lost the lead: ended by what is seen, not by a time that ran out.

Rule: nothing ends a commit but the server, or that it has been replaced. A server that hangs keeps its connections open
for ever, and its kernel answers for it; so when a wait is long, the group is asked who takes writes now. Where that is
another server the line is cut, which at a commit means "not known". Otherwise the wait goes on, however long it is.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen

from ledger_sync.database.postgres_plans import Plans
from ledger_sync.database.store import Row

PATIENCE: Final = 10.0
"""Seconds of a wait before anybody is asked."""
LOOK: Final = 2.0

Place = tuple[str, int]
"""Host and port of a server."""
T = TypeVar("T")


class Watch:
    """Looks after the waits of one store's connections to a group of servers. ``find``: who takes writes now, None
    where nobody says so; ``moved`` is called once waits for another were cut: idle connections may be there too."""

    def __init__(
        self,
        find: Callable[[], Place | None],
        moved: Callable[[], None],
        *,
        patience: float = PATIENCE,
        look: float = LOOK,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._find = find
        self._moved = moved
        self._patience = patience
        self._look = look
        self._clock = clock
        self._since: dict[psycopg.Connection[Any], float] = {}
        self._changing = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="leader watch", daemon=True).start()

    @contextmanager
    def over(self, db: psycopg.Connection[Any]) -> Iterator[None]:
        """While a connection waits for its server."""
        with self._changing:
            self._since[db] = self._clock()
        try:
            yield
        finally:
            with self._changing:
                del self._since[db]

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._look):
            asked = self._clock()
            leader = self._find() if self._is_late(asked) else None
            if leader is not None and self._cut(asked, leader):
                self._moved()

    def _is_late(self, now: float) -> bool:
        with self._changing:
            return any(now - since >= self._patience for since in self._since.values())

    def _cut(self, asked: float, leader: Place) -> bool:
        """Every wait that is older than the question and is for another server; whether there was one. While the lock
        is held none of the connections is closed."""
        with self._changing:
            stale = [
                db
                for db, since in self._since.items()
                if since <= asked and (db.info.host, db.info.port) != leader
            ]
            for db in stale:
                with socket.socket(fileno=os.dup(db.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)
        return bool(stale)


class WatchedConnection(psycopg.Connection[Row]):
    """A connection whose every wait is looked after, where there is anybody to do so, and its ``plans``."""

    watch: Watch | None = None

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.plans = Plans()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        if self.watch is None:
            return super().wait(gen, interval, timeout)
        with self.watch.over(self):
            return super().wait(gen, interval, timeout)
