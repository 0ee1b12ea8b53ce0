"""Pending transfers by the keys that they concern: who signed them, and who shall have the money.

Rule: a transfer stands here from its arrival to its verdict, so that what is open of a key is found without reading
its history; and what lacks nothing but a certificate, by the time that one has to cover, so that a new certificate has
nothing judged again but what it covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.transfer import Refresh, ToAccount, ToPayer, Transfer


class Pending(Protocol):
    """What is pending. Kept by whoever stores transfers and their signatures, and by verdicts."""

    def concerns(self, key: bytes) -> bool:
        """Whether anything without a verdict concerns ``key``."""

    def lack_certificate(self, of: Iterable[tuple[bytes, bytes, Transfer]]) -> None:
        """Transfers by id, with their signers, that no certificate at hand covers and that lack nothing else."""

    def covered(self, certificate: Certificate) -> Sequence[bytes]:
        """Those of them that are signed under ``certificate``; each is told once, and noted again if it lacks one
        still."""

    def waiting_of(self, signer: bytes, after: bytes, most: int) -> Sequence[bytes]:
        """Transfers that ``signer`` signed and whose provenance or certificate is not at hand, though others may have
        all that they consume: the first ``most`` ids after ``after``, in order."""

    def ended_of(self, signer: bytes) -> Sequence[bytes]:
        """Those of them of which others have all that they consume, and which have no verdict yet."""


def beneficiary(body: Transfer) -> bytes | None:
    """Whose key shall have the money of a transfer: the payee's, or that of who gets what is redeemed."""
    match body.redemption:
        case None:
            return body.payee
        case ToPayer(payer):
            return payer
        case Refresh(owner, _):
            return owner
        case ToAccount():
            return None
