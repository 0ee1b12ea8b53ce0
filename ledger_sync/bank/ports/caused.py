"""Caused: what this bank caused at the central bank and has booked.

Rule: each act is noted once, by its kind and cause, and has a number that grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance

FUNDING: Final = "funding"
REDEMPTION: Final = "redemption"
REFUND: Final = "refund"
CHALLENGE: Final = "challenge"
LOST: Final = "lost"
"""Of challenges, those that this bank has paid for: nobody asks for that again, but the central bank may have
forgotten it."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An act by its number; kind and cause are those of the central bank's movement. ``subject`` of the job by which it
    is asked for again, None where there is none; ``issuance`` where that is what came of it; ``lost`` (tiyn) what this
    bank has paid for a claim by now."""

    number: int
    kind: str
    cause: bytes
    subject: bytes | None
    issuance: Signed[Issuance] | None
    lost: int = 0


class Caused(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    def note(self, kind: str, cause: bytes, subject: bytes | None, time: int) -> bool:
        """It is booked, at ``time`` (unix seconds). Whether it was not noted before."""

    def forget(self, kind: str, cause: bytes) -> None:
        """It was undone."""

    def since(self, since: int, after: int, *, with_lost: bool = False) -> Sequence[Noted]:
        """A page of what was noted at ``since`` (unix seconds) or later, after number ``after``; `LOST` only
        ``with_lost``. Who reads on after its
        last passes nothing over: what is noted later has a higher number, whoever notes it."""

    def get(self, kind: str, cause: bytes) -> Noted | None:
        """The act, where it was noted."""
