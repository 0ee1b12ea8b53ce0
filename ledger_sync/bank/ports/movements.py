"""The central bank's list of movements as far as it was followed, and what of it nobody here knows any more.

Rule: a movement is taken once, by whoever moves the end on from where it was read.
"""

from __future__ import annotations

from typing import Protocol


class MovementRecord(Protocol):
    """What one bank has seen of its movements. ``kind`` and ``cause`` are those of the central bank's movement; amounts
    in tiyn, less than 0 where money left the position."""

    def seen(self) -> int:
        """The number of the last movement that was booked; 0 before the first."""

    def advance(self, seen: int, to: int) -> bool:
        """The list was followed up to number ``to``, if ``seen`` still is its end; whether it was."""

    def moved(self, kind: str, cause: bytes) -> int | None:
        """What `keep_moved` kept last; None where it kept nothing."""

    def keep_moved(self, kind: str, cause: bytes, total: int) -> None:
        """What was booked by the list for this cause comes to ``total``."""

    def hold(self, kind: str, cause: bytes, amount: int) -> None:
        """So much more was moved for a cause that is not known any more."""

    def held(self, kind: str, cause: bytes) -> int | None:
        """How much was moved for it in all; None where it waits for nothing."""

    def give(self, kind: str, cause: bytes, amount: int) -> bool:
        """So much less waits to be known again, if that much does; whether it did. At 0 it waits no more."""

    def known_again(self, kind: str, cause: bytes) -> bool:
        """It waits no more; whether it did."""

    def held_of(self, kind: str) -> list[bytes]:
        """The causes of this kind that wait to be known again, in order."""
