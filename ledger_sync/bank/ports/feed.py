"""The feed: what is listed for each customer, numbered, so that whoever reads on after a number misses nothing.

Rule: numbers are the customer's own and only grow: what is listed later has a higher one, whoever lists it, and whoever
has seen a number will see every higher one by reading on after it. Nothing is listed twice for one customer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class What(StrEnum):
    """What a listed object is."""

    TRANSFER = "transfer"
    ISSUANCE = "issuance"


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a feed, by its id."""

    number: int
    what: What
    name: bytes


News = tuple[str, What, bytes]
"""A customer, and an object that is to be listed for it, by its id."""
Apart = Callable[[bytes], int]
"""Of an object's id, how far its number is from the last one; at least 1."""


def next_to_it(_: bytes) -> int:
    """No number is passed over."""
    return 1


class Feed(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    def append(self, news: Sequence[News], least: int, apart: Apart = next_to_it) -> int:
        """List objects, in this order, each under a number that is higher than its customer's last by what ``apart``
        says of its id, and at least ``least`` plus that. How many were not listed before."""

    def after(self, customer: str, number: int, most: int) -> Sequence[Listed]:
        """What is listed under higher numbers, in their order."""

    def gave(self, customer: str, number: int) -> bool:
        """Whether something is listed under this number."""

    def lists(self, customer: str, name: bytes) -> bool:
        """Whether an object is listed, under whatever number."""

    def settled_for(self, key: bytes) -> Sequence[tuple[What, bytes]]:
        """What is settled or issued with an output of ``key``, whoever's key that is: to be listed when it is known."""
