"""Refunds: outputs whose time is over, on their way back to their last owner that the ledger knows.

Rule: each is opened once for each time that it is found, and closed once: paid, or too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wallet.protocol.transfer import TokenRef


class Refunds(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    def open(self, before: int, most: int) -> Sequence[TokenRef]:
        """Open refunds of settled outputs of customers' keys that are unspent, expired ``before`` (unix seconds) and
        are not asked for yet, the oldest first."""

    def account_of(self, token: TokenRef) -> str | None:
        """Who gets it; None where it was never opened."""

    def too_early(self, token: TokenRef) -> bool:
        """It is no longer open, and found again. Whether it was open."""

    def paid(self, token: TokenRef, value: int) -> bool:
        """It is closed with ``value`` tiyn. Whether it was open."""

    def late(self, token: TokenRef) -> bool:
        """It is closed with nothing. Whether it was open."""

    def owed(self, token: TokenRef, paid: int) -> bool:
        """``paid`` tiyn have come of it by now, and more is to come. Whether it is open."""

    def under_way(self) -> Sequence[tuple[TokenRef, int]]:
        """Those that are open, with the tiyn that are still to come."""
