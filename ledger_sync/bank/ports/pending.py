"""Pending transfers by the keys that they concern: who signed them, and who shall have the money.

Rule: a transfer stands here from its arrival to its verdict, so that what is open of a key is found without reading
its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wallet.protocol.transfer import Refresh, ToAccount, ToPayer, Transfer


class Pending(Protocol):
    """What is pending. Kept by whoever stores transfers and their signatures, and by verdicts."""

    def concerns(self, key: bytes) -> bool:
        """Whether anything without a verdict concerns ``key``."""

    def waiting_of(self, signer: bytes) -> Sequence[bytes]:
        """Transfers that ``signer`` signed and whose provenance or certificate is not at hand, though others may have
        all that they consume."""


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
