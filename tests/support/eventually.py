"""Waiting for what other processes do, without taking the processor from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

A = TypeVar("A")
LOOK_SECONDS: Final = 0.02
TRIES: Final = 6_000
"""Looks, one after the other, before a test gives up."""


def eventually(ask: Callable[[], A], is_it: Callable[[A], bool]) -> A:
    """Ask again until the answer is the one that is waited for."""
    for _ in range(TRIES):
        answer = ask()
        if is_it(answer):
            return answer
        time.sleep(LOOK_SECONDS)
    raise AssertionError("it never came")
