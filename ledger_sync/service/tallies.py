"""What each caller has taken of its quota, counted by one process alone or by all of a service together.

Rule: what several processes count lies in memory that all of them see: a place for each caller that has something
counted, taken by who comes when it is free again. A lock of a place's neighbourhood is the process's, so one that is
killed holds none; the calls that were under way in it are over once its number is started anew. Where a neighbourhood
is full of others, each process counts for itself whoever else comes there.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

_LOOK_EVERY: Final = 1_024
"""Calls between two looks for whom nothing is counted any more."""
_KEY_BYTES: Final = 16
_PLACES: Final = 8_192
_NEAR: Final = 8
"""Places in which one caller may be."""
_COUNTED: Final = struct.Struct(f"<{_KEY_BYTES}s5d")
_FREE: Final = bytes(_KEY_BYTES)


@dataclass(slots=True)
class Tally:
    """What one caller has taken of its quota: what is under way, and what had not drained ``at`` that time, which
    it will have by ``free_at`` (both of one clock)."""

    at: float
    places: int = 0
    calls: float = 0.0
    bytes: float = 0.0
    rows: float = 0.0
    free_at: float = 0.0
    place: int | None = None
    """Where it is counted for all processes, if it is."""

    def is_free(self, now: float) -> bool:
        return not self.places and self.free_at <= now


Change = Callable[[Tally], None]


class Tallies(Protocol):
    """Callers' tallies, by name. Safe to share between threads."""

    def changed(self, name: str, now: float, change: Change) -> Tally:
        """This caller's tally, once ``change`` was made to it while nobody else had it; what that has made of it stays,
        whatever it raises."""
        ...

    def give_back(self, tally: Tally) -> None:
        """One of its calls is over."""
        ...


class OwnTallies:
    """Those that one process counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}
        self._entered = 0

    def changed(self, name: str, now: float, change: Change) -> Tally:
        with self._lock:
            self._entered += 1
            if self._entered % _LOOK_EVERY == 0:
                self._tallies = {of: tally for of, tally in self._tallies.items() if not tally.is_free(now)}
            tally = self._tallies.setdefault(name, Tally(now))
            change(tally)
            return tally

    def give_back(self, tally: Tally) -> None:
        with self._lock:
            tally.places -= 1

    def __len__(self) -> int:
        """Of how many callers something is counted."""
        return len(self._tallies)


class SharedTallies:
    """Those that several processes count together; made before the first of them."""

    def __init__(self, descriptor: int, processes: int, number: int) -> None:
        """For the process of this ``number``, counted from 1; whatever was under way in one before it is over."""
        self._descriptor = descriptor
        self._own = OwnTallies()
        self._lock = threading.Lock()
        self._busy = struct.Struct(f"<{processes}H")
        self._mine = number - 1
        self._size = _size(processes)
        self._memory = mmap.mmap(descriptor, _PLACES * self._size)
        for place in range(_PLACES):
            self._set_busy(place, 0)

    @staticmethod
    def memory(processes: int) -> int:
        """A descriptor of what so many processes see."""
        descriptor = os.memfd_create("tallies")
        os.ftruncate(descriptor, _PLACES * _size(processes))
        return descriptor

    def changed(self, name: str, now: float, change: Change) -> Tally:
        key = sha256(name.encode()).digest()[:_KEY_BYTES]
        first = int.from_bytes(key[:4]) % (_PLACES // _NEAR) * _NEAR
        with self._locked(first):
            tally = self._found(first, key, now)
            if tally is None:
                return self._own.changed(name, now, change)
            before = tally.places
            try:
                change(tally)
            finally:
                self._keep(key, tally, tally.places - before)
            return tally

    def give_back(self, tally: Tally) -> None:
        if tally.place is None:
            self._own.give_back(tally)
            return
        with self._locked(tally.place // _NEAR * _NEAR):
            self._set_busy(tally.place, self._all_busy(tally.place)[self._mine] - 1)

    @contextmanager
    def _locked(self, first: int) -> Iterator[None]:
        """Between threads by a lock of ours, between processes by the system's."""
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, first)
            try:
                yield
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, first)

    def _found(self, first: int, key: bytes, now: float) -> Tally | None:
        """Where this caller is counted, or a place that is free; none, where others have all."""
        free: int | None = None
        for place in range(first, first + _NEAR):
            held, at, calls, bytes_, rows, free_at = _COUNTED.unpack_from(self._memory, place * self._size)
            if held == key:
                return Tally(at, sum(self._all_busy(place)), calls, bytes_, rows, free_at, place)
            if free is None and (held == _FREE or (free_at <= now and not any(self._all_busy(place)))):
                free = place
        return None if free is None else Tally(now, place=free)

    def _keep(self, key: bytes, tally: Tally, more: int) -> None:
        assert tally.place is not None
        counted = (tally.at, tally.calls, tally.bytes, tally.rows, tally.free_at)
        _COUNTED.pack_into(self._memory, tally.place * self._size, key, *counted)
        if more:
            self._set_busy(tally.place, self._all_busy(tally.place)[self._mine] + more)

    def _all_busy(self, place: int) -> tuple[int, ...]:
        """How many calls are under way, by process."""
        return self._busy.unpack_from(self._memory, place * self._size + _COUNTED.size)

    def _set_busy(self, place: int, count: int) -> None:
        at = place * self._size + _COUNTED.size + 2 * self._mine
        struct.pack_into("<H", self._memory, at, max(0, count))


def _size(processes: int) -> int:
    return _COUNTED.size + 2 * processes
