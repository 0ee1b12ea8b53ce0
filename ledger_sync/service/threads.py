"""Threads in which handlers run, in rooms: who waits for a slow partner fills the room of that partner's calls only.

Rule: a room has so many threads, so many callers may wait at its door and each for so long; the rest hears BUSY at
once, and after how many seconds those before it will be through. Nothing that asks another service runs in a room with
what does not. A thread that is through with a call in one room goes on with it in the next, if there is a place: that
is one hand-over between threads instead of two.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from ledger_sync.http.problems import busy
from wallet.protocol.codes import Refusal

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


@dataclass(frozen=True, slots=True)
class Further:
    """What a function gives that is to be followed by another one, in that one's room."""

    function: Callable[[], Any]
    room: str


@dataclass(slots=True)
class _Room:
    running: int = 0
    """Calls that have a place in it."""
    door: deque[asyncio.Future[bool]] = field(default_factory=deque)
    """Those that wait for one: each hears whether it has it. Altered by the loop's thread only."""
    usual: float | None = None
    """Seconds that a call takes, the last ones more than those before."""

    def took(self, seconds: float) -> None:
        usual = seconds if self.usual is None else self.usual
        self.usual = usual + (seconds - usual) / _REMEMBERED


class Threads:
    """The executor of a service in a process of its own, for one event loop."""

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
        self._rooms: dict[str, _Room] = {}
        self._places = threading.Lock()
        self._idle: list[RoomThread] = []
        self._is_closed = False
        self._told: deque[Callable[[], None]] = deque()
        """What threads have for the loop to do."""
        self._is_woken = False
        """Whether the loop will look at that anyway."""

    def load(self) -> list[tuple[str, int, int]]:
        """By room the calls that run in it and those that wait at its door."""
        return [(name, room.running, len(room.door)) for name, room in list(self._rooms.items())]

    async def __call__(self, function: Callable[..., R], /, *values: Any, room: str = "") -> R:
        """What `function` gives in a thread of `room`; or what comes of a `Further` that it gives, where there is a
        place for that at once. BUSY where there is no place to be had in `room`; then nothing ran."""
        loop = asyncio.get_running_loop()
        await self._enter(room, loop)
        ended: asyncio.Future[R] = loop.create_future()
        thread = self._idle.pop() if self._idle else RoomThread()
        thread.work.put(partial(self._work, thread, self._room(room), partial(function, *values), ended))
        try:
            return await ended
        finally:
            del ended  # an error that it has would hold this frame, and so itself

    def close(self) -> None:
        """Let each thread end once it has nothing to do; nobody calls any more."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().work.put(None)

    # in the loop's thread

    async def _enter(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        room = self._room(name)
        with self._places:
            if self._has_place(room):
                return
            if len(room.door) >= self._waiting and name != GATE:
                raise self._busy(room)
            turn: asyncio.Future[bool] = loop.create_future()
            room.door.append(turn)
        patience = loop.call_later(self._seconds, _given, turn, False)
        try:
            if not await turn:
                raise self._busy(room)
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._pass_on(room)
            raise
        finally:
            patience.cancel()
            if turn in room.door:
                room.door.remove(turn)

    def _pass_on(self, room: _Room) -> None:
        """Somebody's place is the next one's."""
        while room.door:
            turn = room.door.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        with self._places:
            room.running -= 1

    def _take_up(self) -> None:
        self._is_woken = False
        while self._told:
            self._told.popleft()()

    # in any thread

    def _room(self, name: str) -> _Room:
        return self._rooms.get(name) or self._rooms.setdefault(name, _Room())

    def _has_place(self, room: _Room) -> bool:
        """Whether a place was to be had, which is taken then."""
        if room.running >= self._threads or room.door:
            return False
        room.running += 1
        return True

    def _busy(self, room: _Room) -> Refusal:
        """With the seconds in which those who wait at a full door are through, if it goes on as it went."""
        return busy((room.usual or 0.0) * self._waiting / self._threads)

    def _work(
        self, thread: RoomThread, room: _Room, function: Callable[[], Any], ended: asyncio.Future[Any]
    ) -> None:
        loop = ended.get_loop()
        while True:
            begun = self._ticks()
            came, error = _outcome(function)
            room.took(self._ticks() - begun)
            following = self._room(came.room) if isinstance(came, Further) else None
            with self._places:
                goes_on = following is not None and self._has_place(following)
                is_awaited = bool(room.door)
                room.running -= 0 if is_awaited else 1
            if is_awaited:
                self._tell(partial(self._pass_on, room), loop)
            if following is None or not goes_on:
                break
            room, function = following, came.function
        self._idle.append(thread)
        if self._is_closed:
            thread.work.put(None)
        self._tell(partial(_end, ended, came, error), loop)
        del ended, error  # a traceback leads here: neither may be reached by it

    def _tell(self, news: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop do this; of several threads that come at the same time one wakes it."""
        self._told.append(news)
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(self._take_up)


class RoomThread(threading.Thread):
    """One that does what it is given, one after the other, until that is nothing. It keeps no process alive; whether it
    is still at work is for whoever ends one."""

    def __init__(self) -> None:
        super().__init__(name="room", daemon=True)
        self.work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while (work := self.work.get()) is not None:
            work()
            del work


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """What it gives, or what it raises."""
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001 - whoever waits is told
        return None, error


def _given(turn: asyncio.Future[bool], has_place: bool) -> None:
    if not turn.done():
        turn.set_result(has_place)


def _end(ended: asyncio.Future[Any], came: Any, error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(came)
    else:
        ended.set_exception(error)
