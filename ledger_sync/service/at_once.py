"""Calls to several other services: made at the same time, or one after the other.

Rule: whoever does not answer holds up nobody else. What has come of the others is told after a while, whatever is
still under way; what a call raises is raised to who looks at its answer, and ends no other call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
MOST_CALLS: Final = 64
"""At the same time for one caller, and so threads: as many as there can be parts of a notary."""
_PATIENCE: Final = 0.5
"""Seconds after which those that have answered are not kept waiting for the others any more."""


class AtOnce(Protocol):
    """How several calls are made."""

    def __call__(self, calls: Mapping[str, Callable[[], T]]) -> Iterator[Mapping[str, Callable[[], T]]]:
        """Each of these calls once: as they end, by name what gives the answer or raises what the call raised, in the
        order of the names; mostly all of them together."""


def in_turn(calls: Mapping[str, Callable[[], T]]) -> Iterator[Mapping[str, Callable[[], T]]]:
    """Each as its answer is looked at, by the caller: where nothing else shall run."""
    yield dict(sorted(calls.items()))


class ByThreads:
    """Each in a thread of its own, but for one that is alone."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience

    def __call__(self, calls: Mapping[str, Callable[[], T]]) -> Iterator[Mapping[str, Callable[[], T]]]:
        if len(calls) < 2:
            yield from in_turn(calls)
            return
        with ThreadPoolExecutor(min(len(calls), MOST_CALLS)) as pool:
            left = {name: pool.submit(call) for name, call in sorted(calls.items())}
            while left:
                wait(left.values(), self._patience)
                ended = wait(left.values(), return_when=FIRST_COMPLETED).done
                yield {name: future.result for name, future in left.items() if future in ended}
                left = {name: future for name, future in left.items() if future not in ended}
