"""Issuances, what each answers, the fundings that were refused, and what was taken for an issuance that was forgotten.

Rule: an issuance has one cause and a cause one issuance; no two have one id.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance


class Cause(StrEnum):
    """What an issuance answers: a bank's funding, by the wallet's 16 bytes; a redemption, by its id."""

    FUNDING = "funding"
    REDEMPTION = "redemption"


@dataclass(frozen=True, slots=True)
class Issued:
    """An issuance and the bank that it answered."""

    bank: str
    issuance: Signed[Issuance]


@dataclass(frozen=True, slots=True)
class RefusedFunding:
    """A funding that was refused for want of money; `amounts` in tiyn."""

    id: bytes
    bank: str
    owner: bytes
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Charge:
    """`amount` (tiyn) of an issuance that a proof showed and that the books lacked: whose position stands for it, and
    by which movement's id."""

    bank: str
    funding: bytes
    amount: int


class Issuances(Protocol):
    """Times in unix seconds."""

    def find(self, cause: Cause, cause_id: bytes) -> Issued | None: ...

    def has(self, issuance: bytes) -> bool:
        """Whether there is an issuance of this id (32 bytes)."""

    def keep(self, cause: Cause, cause_id: bytes, bank: str, issuance: Signed[Issuance]) -> bool:
        """Whether neither the cause nor the issuance was there."""

    def answers(self, issuance: bytes, cause: Cause, cause_id: bytes) -> None:
        """From now on the issuance of this id answers another cause, which has none."""

    def refused(self, funding: bytes) -> RefusedFunding | None: ...

    def refuse(self, refused: RefusedFunding, time: int) -> bool:
        """Whether it was not refused before."""

    def forget_refused(self, before: int) -> None:
        """Drop what was refused before this time."""

    def charge(self, issuance: bytes, charge: Charge) -> bool:
        """Whether there was no charge for it."""

    def charged(self, issuance: bytes) -> Charge | None: ...

    def give_back(self, issuance: bytes) -> bool:
        """Whether there was a charge; there is none now."""

    def is_backed(self, issuance: bytes) -> bool:
        """Whether the books have it, by a funding, by a redemption that was paid, or by a charge."""
