"""Redemptions: settled transfers to the central bank's redemption key, until their money is where it should be.

Rule: each is opened once and has one outcome at a time; the last that the central bank gave is the one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Opened:
    """A redemption of ``settled`` tiyn; ``account`` is its signer's, None where that is another bank's customer."""

    account: str | None
    settled: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the money: new tokens (None where there are none), and the settled tiyn."""

    issuance: Signed[Issuance] | None
    value: int


class Redemptions(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    def open(self, txid: bytes, opened: Opened) -> bool:
        """Whether it was not opened before."""

    def get(self, txid: bytes) -> Opened | None:
        """What it was opened with; None where it was not."""

    def done(self, txid: bytes, value: int, issuance: bytes | None) -> bool:
        """Its outcome, by the id of the issuance, which is stored. Whether it had none before."""

    def under_way(self) -> Sequence[tuple[bytes, int]]:
        """The ids and settled tiyn of those without outcome, by id."""

    def is_under_way(self, account: str, signer: bytes) -> bool:
        """Whether one that ``signer`` signed and was opened for ``account`` has no outcome."""

    def outcomes(self, txids: Collection[bytes]) -> Mapping[bytes, Outcome]:
        """Of those of these that have one."""

    def giving(self, issuance: bytes) -> bytes | None:
        """The redemption that gave it, None where that was none."""

    def signed_by(self, key: bytes) -> Sequence[tuple[Signed[Transfer], int]]:
        """Transfers that redeem what ``key`` owns, signed by it, with their settled tiyn: those with a verdict."""
