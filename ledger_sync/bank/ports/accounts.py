"""Accounts: what the bank owes, and what was booked on whom by which cause.

Rule: a booking takes from one account what it gives to another, and one cause is booked once, whoever asks at the same
time. An account that has to cover what is taken never goes below zero by two writers that each saw enough on it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol


class Booking(Enum):
    """What became of a booking. BOOKED: it stands, by this call. KNOWN: its cause was booked before. SHORT: the account
    does not have so much. ABSENT: one of the accounts is not there. Only BOOKED has changed anything."""

    BOOKED = auto()
    KNOWN = auto()
    SHORT = auto()
    ABSENT = auto()


class Accounts(Protocol):
    """The accounts of one bank, its own among them. Amounts and balances in tiyn."""

    def open(self, account: str) -> bool:
        """Whether the account is new; it begins with nothing."""

    def balance(self, account: str) -> int | None:
        """Tiyn; None where there is no such account."""

    def book(
        self, cause: str, source: str, target: str, amount: int, time: int, *, is_covered: bool
    ) -> Booking:
        """``amount`` (0 or more) less owed to ``source`` and more to ``target``, another account. ``is_covered``: only
        if ``source`` has that much. ``time`` (unix seconds) is the entry's."""

    def is_booked(self, cause: str) -> bool:
        """Whether there is an entry of this cause."""

    def booked(self, cause: str, account: str) -> int:
        """Signed tiyn that the entry of this cause moved on ``account``; 0 where it moved none."""
