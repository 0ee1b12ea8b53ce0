"""Customers, the codes that enrol their devices, and the devices that speak for them.

Rule: a device key speaks for one account, an enrolment code serves one device, and an account has so many open devices
at most, whatever several writers admit at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from wallet.protocol.certificate import WalletKind


@dataclass(frozen=True, slots=True)
class Customer:
    """``id`` is the account's, 32 hexadecimal characters; a merchant has a category and its name is shown."""

    id: str
    name: str
    kind: WalletKind
    category: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an enrolment code is for, and the 33-byte key that it was used by, if it was."""

    account: str
    device: bytes | None


class Admission(Enum):
    """What became of letting a device in. ADMITTED: by this call. USED: the code is not there, or was used. TAKEN: the
    device speaks or spoke for an account. FULL: the account has as many open devices as it may. Only ADMITTED has
    changed anything."""

    ADMITTED = auto()
    USED = auto()
    TAKEN = auto()
    FULL = auto()


class CustomerRegister(Protocol):
    """Who banks here. A customer's account is opened by `Accounts`. Times in unix seconds, amounts in tiyn."""

    def add(self, customer: Customer, opening: int, opened: int) -> bool:
        """Whether there was none of this id. ``opening``: what its account began with; the account is there."""

    def get(self, account: str) -> Customer | None: ...

    def opening(self, account: str) -> int | None:
        """What its account began with; None where there is no such customer."""

    def balances(self) -> list[tuple[str, int]]:
        """Account and balance of every customer, in order of account."""

    def add_code(self, code: str, cause: bytes, account: str) -> bool:
        """Whether ``cause`` had no code yet."""

    def code_of(self, cause: bytes) -> tuple[str, str] | None:
        """The code that was made for ``cause``, and the account it is for."""

    def enrolment(self, code: str) -> Enrolment | None: ...

    def admit(self, device: bytes, code: str, since: int, most: int) -> Admission:
        """Use the code for ``device``, which from now on speaks for the code's account; ``most``: open devices."""

    def account_of(self, device: bytes) -> str | None:
        """The account that an open device speaks for."""

    def count_devices(self, account: str, but: bytes = b"") -> int:
        """How many open devices speak for the account, not counting ``but``."""

    def close_devices(self, account: str, but: bytes, closed: int) -> int:
        """Close all its open devices but one; how many."""
