"""Claims: what banks owe for tokens whose consumers they could not show.

Rule: a token that was asked about is claimed once. What is paid of a debt is never more than it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.transfer import TokenRef


@dataclass(frozen=True, slots=True)
class Debt:
    """What `defaulter` owes for a consumer (id) that it could not show: `lacking` (tiyn) to the bank that speaks for
    whoever gets place `place` of the transfer or refund `claim`."""

    claim: bytes
    consumer: bytes
    place: int
    defaulter: str
    lacking: int
    bank: str


class Claims(Protocol):
    """Amounts in tiyn, times in unix seconds."""

    def of(self, ref: TokenRef) -> bytes | None:
        """What claimed this token."""

    def claim(self, ref: TokenRef, claim: bytes) -> bool:
        """Whether the token was asked about, and not claimed before."""

    def owe(
        self, claim: bytes, consumer: bytes, place: int, key: bytes, defaulter: str, value: int, time: int
    ) -> None:
        """``value`` more is owed to ``key`` (33 bytes)."""

    def speak_for(self, claim: bytes, consumer: bytes, key: bytes, bank: str) -> bool:
        """Whether nobody spoke for the key before."""

    def paid(self, claim: bytes, consumer: bytes, bank: str, key: bytes) -> tuple[int, int]:
        """What was paid and what is owed altogether to this bank for this key; what was paid before there were keys and
        places counts too."""

    def owed_by(self, defaulter: str) -> int:
        """What the bank still owes to banks that spoke."""

    def open(self, defaulter: str | None) -> Sequence[Debt]:
        """What one bank or all still owe to banks that spoke, the oldest first."""

    def pay(self, debt: Debt, amount: int) -> bool:
        """Whether the debt was still so large; ``amount`` less is owed."""
