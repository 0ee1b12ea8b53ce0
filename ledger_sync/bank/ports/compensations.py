"""Compensations: what other banks pay and owe, because they could not show what they had consumed.

Rule: what was paid for a share only grows. A share is the ``place``-th of what a ``claim`` lost to ``wanted``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Share:
    """``claim`` is a transfer's id, or a refund's; ``wanted`` the id of what took its money."""

    claim: bytes
    wanted: bytes
    place: int


class Compensations(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one. Amounts in tiyn."""

    def note(self, share: Share, account: str, paid: int, owed: int) -> int:
        """So much was paid in all by now, and so much is to come; by how much more than was noted before that is."""

    def of(self, claim: bytes) -> Sequence[Share]:
        """All shares of a claim."""

    def owed(self, claim: bytes | None = None) -> Sequence[Share]:
        """Those for which something is to come, of one claim or of all."""

    def most(self, txids: Collection[bytes]) -> Mapping[bytes, int]:
        """The most that is still to come for each of these transfers, and for every other one for which something is
        owed: what is owed where that is known, else all that it consumes is worth."""
