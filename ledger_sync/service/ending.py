"""The end of a process: that somebody has asked for it, and that it is over.

Rule: SIGTERM and SIGINT are asked for from the first moment on, before there is anything to end; whoever comes later to
be told of it is told at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType


class Ending:
    """Whether somebody has asked for the end. Watches before the keystore opens, which then calls it in turn."""

    def __init__(self) -> None:
        self._stops: list[Callable[[], None]] = []
        self._closes: list[Callable[[], None]] = []
        self._asked = False
        self._over = threading.Event()

    def is_asked(self) -> bool:
        return self._asked

    def is_over(self) -> bool:
        """Whether all callers are answered, too."""
        return self._over.is_set()

    def over(self) -> None:
        self._over.set()
        for close in self._closes:
            close()

    def afterwards(self, close: Callable[[], None]) -> None:
        """Have this called once all callers are answered."""
        self._closes.append(close)

    def watch(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def calls(self, stop: Callable[[], None]) -> None:
        """Have this called once the end is asked for; at once, where it was."""
        self._stops.append(stop)
        if self._asked:
            stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        for stop in self._stops:
            stop()
