"""Patience: a bank that is busy says after how many seconds it is worth asking again, and is asked then.

Rule: the same call again is the same act, whatever became of the one before. It is made again no sooner than the bank
says, and a little later by chance, so that not everybody comes back at once. Who is told to wait for longer than it has
patience, or not told for how long, hears BUSY.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from ledger_sync.http.problems import AFTER
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code

A = TypeVar("A")
MOST_SECONDS: Final = 60.0
"""For which one call is waited for in all."""
_LOOK_SECONDS: Final = 0.1
"""Between two looks whether anybody still wants it."""


class Line(Protocol):
    """A signed line to one service."""

    def get(self, path: str) -> Cbor: ...

    def post(self, path: str, value: Cbor) -> Cbor: ...


Wait = Callable[[float], None]


def waiting(is_stopped: Callable[[], bool], sleep: Callable[[float], None] = time.sleep) -> Wait:
    """A wait that ends as soon as ``is_stopped`` says so, and then raises ``NoAnswer`` (UNREACHABLE)."""

    def wait(seconds: float) -> None:
        left = seconds
        while left > 0:
            if is_stopped():
                raise NoAnswer(Code.UNREACHABLE)
            sleep(min(left, _LOOK_SECONDS))
            left -= _LOOK_SECONDS

    return wait


@dataclass(frozen=True, slots=True)
class Patience:
    """How a call waits, for ``most`` seconds in all; and chance for how much longer than told: up to a second."""

    wait: Wait = time.sleep
    random: Callable[[int], bytes] = os.urandom
    most: float = MOST_SECONDS

    def longer(self, seconds: int) -> float:
        """At least ``seconds``, and one."""
        return max(seconds, 1) + self.random(1)[0] / 255


class Patient:
    """A line that waits where the bank is busy."""

    def __init__(self, line: Line, patience: Patience) -> None:
        self._line = line
        self._patience = patience

    def get(self, path: str) -> Cbor:
        return self._answered(lambda: self._line.get(path))

    def post(self, path: str, value: Cbor) -> Cbor:
        return self._answered(lambda: self._line.post(path, value))

    def _answered(self, call: Callable[[], A]) -> A:
        waited = 0.0
        while True:
            try:
                return call()
            except RemoteRefusal as refusal:
                wait = self._wait(refusal)
                if wait is None or waited + wait > self._patience.most:
                    raise
            self._patience.wait(wait)
            waited += wait

    def _wait(self, refusal: RemoteRefusal) -> float | None:
        after = refusal.facts.get(AFTER)
        if refusal.code is not Code.BUSY or not isinstance(after, int) or after < 0:
            return None
        return self._patience.longer(after)
