"""The unit of work: what is written together, or not at all.

Rule: what a unit wrote is durable before anybody hears of it, and what another process writes is seen wholly or not at
all. Inside one, nothing is signed, verified or asked of others: that happens between reading and the one conditional
write, which begins again from the reading where its condition no longer holds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class UnitOfWork(Protocol):
    """Shared by all ports of one storage: whatever they write inside `transaction` is a part of it."""

    def transaction(self) -> AbstractContextManager[None]:
        """A block whose writes stand all when it ends, and none when it raises; while it lasts no other writer changes
        what it reads. Inside another of the same thread it is a part of that one."""

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside a transaction."""

    def at_end(self, finish: Callable[[], None], forget: Callable[[], None]) -> None:
        """``finish`` is called at the end of each transaction, within it; ``forget`` where it is undone. For what a
        transaction gathers and writes once."""
