"""Fundings: how far each has come, by its id, and what counts against the limit of the purse that it is for.

Rule: a funding goes from debited to issued or denied, by whoever comes first; what was denied goes back to debited,
once more, where it was carried out all the same. Each attempt is its own, so that nobody who is late ends a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from wallet.protocol.codes import Code, Fact
from wallet.protocol.limits import Commitments


class FundingStage(StrEnum):
    """DEBITED: the account has paid. ISSUED: the tokens are there. DENIED: it was refused, and nothing is debited."""

    DEBITED = "debited"
    ISSUED = "issued"
    DENIED = "refused"


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a funding was refused, and since when (unix seconds)."""

    code: Code
    facts: Mapping[str, Fact]
    since: int


@dataclass(frozen=True, slots=True)
class Funding:
    """``owner``: the 33-byte key that gets tokens of ``amounts`` (tiyn) for the customer's money. ``attempt``: how
    often it was debited. ``issuance``: the id of what came of it. ``since``: when it was asked for (unix seconds)."""

    id: bytes
    customer: str
    owner: bytes
    amounts: tuple[int, ...]
    stage: FundingStage = FundingStage.DEBITED
    attempt: int = 1
    issuance: bytes | None = None
    denial: Denial | None = field(default=None, compare=False)
    since: int = 0

    @property
    def amount(self) -> int:
        """Tiyn in all."""
        return sum(self.amounts)

    def asks_the_same(self, other: Funding) -> bool:
        """Whether both are the same order."""
        return (self.customer, self.owner, self.amounts) == (other.customer, other.owner, other.amounts)


class Fundings(Protocol):
    """The fundings of one bank's customers."""

    def add(self, funding: Funding) -> bool:
        """Whether there was none of this id."""

    def get(self, funding: bytes) -> Funding | None: ...

    def issued(self, funding: bytes, attempt: int, issuance: bytes) -> bool:
        """The tokens are there (the issuance is), if this attempt still was debited; whether it was."""

    def denied(self, funding: bytes, attempt: int, denial: Denial) -> bool:
        """It was refused, if this attempt still was debited; whether it was."""

    def resumed(self, funding: bytes, attempt: int) -> bool:
        """It is debited once more, by the next attempt, if this one was denied; whether it was."""

    def remove(self, funding: bytes) -> bool:
        """Whether there was one of this id."""

    def open_ones(self, account: str | None = None) -> list[tuple[bytes, int]]:
        """Id and tiyn of what is debited, of one account or of all, in order."""

    def count_debited(self, account: str, after: int, until: int) -> int:
        """How many of an account, asked for after ``after`` and by ``until``, were debited, whatever became of them."""

    def forget_denied(self, account: str, before: int, most: int) -> int:
        """Forget what of an account was never debited and was denied before ``before``, and the oldest of it beyond
        ``most``; how many."""

    def commitments(self, account: str, key: bytes, before: int) -> Commitments:
        """What the purse that ``key`` belongs to, one device's of the account, holds as far as the bank can see: tokens
        that nothing known consumes and that expire at ``before`` or later, and fundings that are debited."""
