"""What a supervisor hands on to its workers: sockets that all listen on, memory that all see, a line to each.

Rule: all of it are descriptors that a worker inherits under their numbers, which it is told by an argument. What is
shared is made before the first worker and lives as long as the supervisor, so that a worker that is started anew finds
what the one before it had.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from ledger_sync.service.process import SharedFlags
from ledger_sync.service.siblings import Pair, Siblings, pairs
from ledger_sync.service.tallies import SharedTallies

READY: Final = b"r"
_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Common:
    """What all workers of a service have: where they take calls and, if anywhere, readers of their figures; the flags
    that all of them see, and what callers have of their quotas; where each is asked by the others."""

    calls: socket.socket
    figures: socket.socket | None
    flags: SharedFlags
    tallies: int
    pairs: tuple[Pair, ...]

    @classmethod
    def made(cls, workers: int, calls: socket.socket, figures: socket.socket | None) -> Self:
        return cls(calls, figures, SharedFlags.made(), SharedTallies.memory(workers), pairs(workers))

    def of(self, number: int, line: int) -> Inherited:
        """What the worker of a number gets, beside its line."""
        return Inherited(
            number,
            line,
            self.calls.fileno(),
            _NONE if self.figures is None else self.figures.fileno(),
            self.flags.fileno(),
            self.tallies,
            self.pairs[number - 1][1].fileno(),
            tuple(asks.fileno() for asks, _ in self.pairs),
        )


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a worker has of its supervisor: its number, and descriptors."""

    number: int
    line: int
    calls: int
    figures: int
    """-1: its service shows none."""
    flags: int
    tallies: int
    hears: int
    asks: Sequence[int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """``ValueError``."""
        number, line, calls, figures, flags, tallies, hears, *asks = (int(part) for part in text.split(","))
        return cls(number, line, calls, figures, flags, tallies, hears, tuple(asks))

    def __str__(self) -> str:
        return ",".join(str(part) for part in (self.number, *self._all))

    @property
    def descriptors(self) -> Sequence[int]:
        return [part for part in self._all if part != _NONE]

    def figures_listener(self) -> socket.socket | None:
        return None if self.figures == _NONE else socket.socket(fileno=self.figures)

    def siblings(self) -> Siblings:
        """Once."""
        asks = [socket.socket(fileno=descriptor) for descriptor in self.asks]
        return Siblings(self.number, asks, socket.socket(fileno=self.hears))

    def shared_tallies(self) -> SharedTallies:
        """Once."""
        return SharedTallies(self.tallies, len(self.asks), self.number)

    @property
    def _all(self) -> Sequence[int]:
        return (self.line, self.calls, self.figures, self.flags, self.tallies, self.hears, *self.asks)


class Line:
    """A worker's line to its supervisor."""

    def __init__(self, inherited: Inherited) -> None:
        self._line = socket.socket(fileno=inherited.line)

    def serves(self) -> None:
        """This worker takes calls now. A supervisor that is gone hears nothing."""
        with contextlib.suppress(OSError):
            self._line.send(READY)

    def watch(self) -> None:
        """From now on the end of the supervisor is a SIGTERM to this process."""
        threading.Thread(target=self._end, name="supervisor", daemon=True).start()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            while self._line.recv(1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
