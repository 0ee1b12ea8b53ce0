"""Named places where a test may kill this process, so that a crash is a real one.

Rule: a crash in our tests is SIGKILL to a separate process at a named durable step, never a raised
exception. Code calls `reach("area.operation.step")` between its durable steps; in ordinary life that
is one dictionary look-up. With `QALTA_FAILPOINT=name` the process dies when it first gets there, with
`QALTA_FAILPOINT=name:n` when it gets there for the n-th time (n counts from 1). Beside those, `watching`
lets a test explore thousands of runs in one process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

VARIABLE: Final = "QALTA_FAILPOINT"

_hits: dict[str, int] = {}
_watch: ContextVar[Callable[[str], None] | None] = ContextVar("failpoint watch", default=None)


def reach(name: str) -> None:
    """Die here by SIGKILL if the environment asks for it; otherwise do nothing.

    `name` is dotted and has no colon. Raises nothing but what a `watching` raises; a malformed count counts as 1.
    """
    watch = _watch.get()
    if watch is not None:
        watch(name)
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    target, _, count = wanted.partition(":")
    if target != name:
        return
    _hits[name] = _hits.get(name, 0) + 1
    nth = int(count) if count.isdecimal() else 1
    if _hits[name] >= nth:
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def watching(watch: Callable[[str], None]) -> Iterator[None]:
    """A block in which this thread tells `watch` every place it reaches; what `watch` raises ends the step there."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)
