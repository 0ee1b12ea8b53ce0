"""Threads in which handlers run, in rooms: who waits for a slow partner fills the room of that partner's calls only.

Rule: a room has so many threads, so many callers may wait at its door and each for so long; the rest hears BUSY at
once. Nothing that asks another service runs in a room with what does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from wallet.protocol.codes import Code, Refusal

R = TypeVar("R")
MAX_THREADS: Final = 16
"""In one room."""
MAX_WAITING: Final = 64
"""Callers at the door of one room."""
DOOR_SECONDS: Final = 10.0
"""At the door, at most."""


class Threads:
    """The executor of a service in a process of its own."""

    def __init__(
        self, threads: int = MAX_THREADS, waiting: int = MAX_WAITING, seconds: float = DOOR_SECONDS
    ) -> None:
        self._threads = threads
        self._waiting = waiting
        self._seconds = seconds
        self._doors: dict[str, CapacityLimiter] = {}
        self._no_limit: CapacityLimiter | None = None

    async def __call__(self, function: Callable[..., R], /, *values: Any, room: str = "") -> R:
        """What `function` gives in a thread of `room`. BUSY where there is none to be had; then it did not run."""
        if self._no_limit is None:
            self._no_limit = CapacityLimiter(math.inf)
        door = self._doors.setdefault(room, CapacityLimiter(self._threads))
        if door.statistics().tasks_waiting >= self._waiting:
            raise Refusal(Code.BUSY)
        turn = object()
        with anyio.move_on_after(self._seconds) as patience:
            await door.acquire_on_behalf_of(turn)
        if patience.cancelled_caught:
            raise Refusal(Code.BUSY)
        try:
            return await to_thread.run_sync(partial(function, *values), limiter=self._no_limit)
        finally:
            door.release_on_behalf_of(turn)
