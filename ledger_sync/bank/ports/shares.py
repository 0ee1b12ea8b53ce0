"""Shares: what one uploader may have at this bank that nobody has paid for yet, and who is charged for it.

Rule (docs/decisions/shares.md): a full share refuses nothing that can be judged now. What is over leaves, and of a
bank's share, which many customers fill, whoever has most of it loses its oldest: so no signer's and no uploader's
rubbish stands in anybody else's way. What left may be brought again, and what was refused is refused again then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, Protocol

BANK_UPLOADER: Final = "bank:"
CUSTOMER_UPLOADER: Final = "customer:"


def uploader_of_bank(bank: str) -> str:
    return BANK_UPLOADER + bank


def uploader_of_customer(account: str) -> str:
    return CUSTOMER_UPLOADER + account


def is_customer(uploader: str) -> bool:
    return uploader.startswith(CUSTOMER_UPLOADER)


class Share(StrEnum):
    """WAITING: transfers that can't be judged yet. CLAIMS: signatures of unknown signers. REQUESTS: payment requests
    that no settled transfer answers. REFUSED: transfers that are refused for ever."""

    WAITING = "waiting"
    CLAIMS = "claims"
    REQUESTS = "requests"
    REFUSED = "refused"


class Shares(Protocol):
    """How much of each share is used. Works within the caller's transaction, which sees its own changes."""

    def used(self, share: Share, uploader: str) -> int:
        """How much of it the uploader has."""

    def biggest(self, share: Share, uploader: str) -> tuple[str, int]:
        """Who has most of it, and how much; nobody ("") where nobody is charged."""


class Waiting(Protocol):
    """Transfers whose provenance or certificate is not at hand, each charged to who signed it as soon as that is
    known, else to who brought it. A transfer stands here while its stage is `waiting`. Works within the caller's
    transaction, but for `due`."""

    def charge(self, txid: bytes, payer: str) -> None:
        """Its signer is known now. Takes effect while its uploader is charged."""

    def due(self, now: int, limit: int) -> Sequence[bytes]:
        """Transfers to be looked after: a time further ahead than any pause was written by a clock that was wrong."""

    def looked(self, txids: Iterable[bytes], now: int) -> None:
        """They were looked after, and are again the later, the longer each has waited."""

    def hurry(self, txids: Iterable[bytes]) -> None:
        """Something has become of what these consume: look after them now."""

    def oldest(self, uploader: str, payer: str, limit: int) -> Sequence[bytes]:
        """What has waited longest of what ``uploader`` brought and ``payer`` is charged for."""

    def since(self, before: int, limit: int) -> Sequence[bytes]:
        """What has waited since ``before`` (unix seconds)."""


class Refused(Protocol):
    """Transfers that are refused for ever, each charged to whom it was charged to while it waited: nobody can ever be
    paid by one, so none is kept for good. Works within the caller's transaction."""

    def add(self, txid: bytes, now: int) -> str:
        """One that waits until now is refused; whoever brought it."""

    def oldest(self, uploader: str, payer: str, limit: int) -> Sequence[bytes]:
        """What was refused first of what ``uploader`` brought and ``payer`` is charged for, as far as its verdict is
        written."""

    def since(self, before: int, limit: int) -> Sequence[bytes]:
        """What was refused before ``before`` (unix seconds), as far as its verdict is written."""

    def over(self, txid: bytes) -> None:
        """It is nobody's burden any more: it was let go, or is kept for something else."""
