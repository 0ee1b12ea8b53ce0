"""What keys signed, as the fork watch asks of it: contradictions, what was paid to one request, and the running count.

Rule: each payment counts once, whoever brings it at the same time, until it is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

Neighbours = tuple[Transfer | None, Transfer | None]
"""The payments below and above a number of a device's count."""


class SigningHistory(Protocol):
    """The signatures that are kept, by signer, and the payments of customers' devices, in the order of their count. Ids
    of transfers have 32 bytes, keys and devices 33; amounts in tiyn. Writes within the caller's transaction."""

    def signed(self, signer: bytes) -> Sequence[bytes]:
        """The ids of what a key signed."""

    def rivals(
        self, copies: Collection[tuple[Signed[Transfer], bytes]]
    ) -> Mapping[tuple[bytes, bytes], Sequence[bytes]]:
        """Of each of these transfers and the key that signed it, by id and key: what the same key signed that consumes
        the same tokens, one for each, and one that bears the same number. Those of which there is none are left
        out."""

    def count_refreshed(self, signer: bytes, time: int, amount: int) -> None:
        """A refresh for somebody else's key, signed at ``time`` (unix seconds), has settled: tiyn of it."""

    def refreshed(self, signer: bytes, since: int) -> int:
        """Tiyn that a key has had refreshed for others, by what it signed since then. Costs the same however often."""

    def count(self, payments: Collection[tuple[bytes, Signed[Transfer]]]) -> int:
        """Count payments, each for its device and its request; how many of them did not count yet."""

    def uncount(self, txid: bytes, request: bytes) -> None:
        """A payment that answered ``request`` (its reference) is kept no longer, and counts for nothing."""

    def given(self, asked: Collection[tuple[bytes, bytes]]) -> Mapping[tuple[bytes, bytes], int]:
        """Tiyn that each device's payments gave in answer to a request, by its reference; where that is nothing, it is
        left out."""

    def neighbours(self, asked: Collection[tuple[bytes, int]]) -> Mapping[tuple[bytes, int], Neighbours]:
        """By device and number: the device's payments whose numbers are the next below and above this one."""
