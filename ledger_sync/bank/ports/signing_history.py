"""What keys signed, as the fork watch asks of it: contradictions, what was paid to one request, and the running count.

Rule: each payment counts once, whoever brings it at the same time, until it is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer


class SigningHistory(Protocol):
    """The signatures that are kept, by signer, and the payments of customers' devices, in the order of their count. Ids
    of transfers have 32 bytes, keys and devices 33; amounts in tiyn. Writes within the caller's transaction."""

    def signed(self, signer: bytes) -> Sequence[bytes]:
        """The ids of what a key signed."""

    def rivals(self, transfer: Signed[Transfer], signer: bytes) -> Iterator[bytes]:
        """What the same key signed that consumes the same tokens, one for each, and one that bears the same number."""

    def redeemed(self, signer: bytes) -> Sequence[bytes]:
        """The redemptions that a key signed and that settled."""

    def count(self, device: bytes, transfer: Signed[Transfer]) -> bool:
        """Count a payment for its device and its request; whether it did not count yet."""

    def uncount(self, txid: bytes, request: bytes) -> None:
        """A payment that answered ``request`` (its reference) is kept no longer, and counts for nothing."""

    def given(self, device: bytes, request: bytes) -> int:
        """Tiyn that the device's payments gave in answer to a request, by its reference."""

    def neighbours(self, device: bytes, sequence: int) -> tuple[bytes | None, bytes | None]:
        """The device's payments whose numbers are the next below and above ``sequence``."""
