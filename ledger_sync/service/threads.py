"""Threads in which handlers run, in rooms: who waits for a slow partner fills the room of that partner's calls only.

Rule: a room has so many threads, so many callers may wait at its door and each for so long; the rest hears BUSY at
once, and after how many seconds those before it will be through. Nothing that asks another service runs in a room with
what does not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from ledger_sync.http.problems import busy

R = TypeVar("R")
GATE: Final = "gate"
"""The room in which it is found out who calls: everybody who has a connection may wait there, and none for long."""
MAX_THREADS: Final = 16
"""In one room."""
MAX_WAITING: Final = 64
"""Callers at the door of one room."""
DOOR_SECONDS: Final = 10.0
"""At the door, at most."""
_REMEMBERED: Final = 16
"""Calls of which a room's usual seconds are made, roughly."""


class Threads:
    """The executor of a service in a process of its own."""

    def __init__(
        self,
        threads: int = MAX_THREADS,
        waiting: int = MAX_WAITING,
        seconds: float = DOOR_SECONDS,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ticks = ticks
        self._threads = threads
        self._waiting = waiting
        self._seconds = seconds
        self._doors: dict[str, CapacityLimiter] = {}
        self._usual: dict[str, float] = {}
        """Seconds that a call takes in a room, the last ones more than those before."""
        self._no_limit: CapacityLimiter | None = None

    def load(self) -> list[tuple[str, int, int]]:
        """By room the calls that run in it and those that wait at its door."""
        return [
            (room, door.borrowed_tokens, door.statistics().tasks_waiting)
            for room, door in list(self._doors.items())
        ]

    async def __call__(self, function: Callable[..., R], /, *values: Any, room: str = "") -> R:
        """What `function` gives in a thread of `room`. BUSY where there is none to be had; then it did not run."""
        if self._no_limit is None:
            self._no_limit = CapacityLimiter(math.inf)
        door = self._doors.setdefault(room, CapacityLimiter(self._threads))
        if door.statistics().tasks_waiting >= self._waiting and room != GATE:
            raise busy(self._patience(room))
        turn = object()
        with anyio.move_on_after(self._seconds) as patience:
            await door.acquire_on_behalf_of(turn)
        if patience.cancelled_caught:
            raise busy(self._patience(room))
        begun = self._ticks()
        try:
            return await to_thread.run_sync(partial(function, *values), limiter=self._no_limit)
        finally:
            self._took(room, self._ticks() - begun)
            door.release_on_behalf_of(turn)

    def _took(self, room: str, seconds: float) -> None:
        usual = self._usual.setdefault(room, seconds)
        self._usual[room] = usual + (seconds - usual) / _REMEMBERED

    def _patience(self, room: str) -> float:
        """Seconds in which those who wait at a full door are through, if it goes on as it went."""
        return self._usual.get(room, 0.0) * self._waiting / self._threads
