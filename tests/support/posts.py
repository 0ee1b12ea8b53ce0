"""A window's thread without a window: what engines post is done by the test's thread, one by one."""

from __future__ import annotations

import queue
from collections.abc import Callable

_LONGEST = 60.0
"""Seconds that a test waits for the next news: long after which something is stuck."""


class Posts:
    """``post`` is for engines; ``until`` does what they posted."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def post(self, news: Callable[[], None]) -> None:
        self._waiting.put(news)

    def until(self, reached: Callable[[], bool]) -> None:
        """Do what is posted until ``reached`` says that it is enough; fails when nothing comes any more."""
        while not reached():
            self._waiting.get(timeout=_LONGEST)()

    @property
    def is_empty(self) -> bool:
        return self._waiting.empty()
