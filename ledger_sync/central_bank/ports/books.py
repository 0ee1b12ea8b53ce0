"""The books: accounts, the movements between them, and the orders of the operator.

Rule: a movement's entries stand together. An account counts its own entries, one after the other, so that whoever reads
an account after a number skips none, whatever several writers book at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

ISSUED: Final = "issued"
REDEEMED: Final = "redeemed"
OUTSTANDING: Final = "outstanding"


class MovementKind(StrEnum):
    """What moved money."""

    ISSUE = "issue"
    WITHDRAWAL = "withdrawal"
    FUNDING = "funding"
    REDEMPTION = "redemption"
    REFUND = "refund"
    CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of one bank's position by `amount` (signed tiyn), caused by the call that `id` names. `number` counts
    the changes of this position. `total` is what those of this kind and id have come to on it, this one included; of
    challenges what was lost and what was gained are counted apart."""

    number: int
    kind: str
    id: bytes
    amount: int
    time: int
    total: int


@dataclass(frozen=True, slots=True)
class Sums:
    """All of it in tiyn; `positions` by bank id, in order."""

    issued: int
    redeemed: int
    outstanding: int
    positions: tuple[tuple[str, int], ...]

    @property
    def is_balanced(self) -> bool:
        held = sum(position for _, position in self.positions) + self.outstanding
        return self.issued - self.redeemed == held


@dataclass(frozen=True, slots=True)
class Order:
    """What the operator has ordered of `bank`, by `kind` and `id`; `total` of its kind (tiyn) after it."""

    kind: MovementKind
    id: bytes
    bank: str
    amount: int
    total: int


def position(bank: str) -> str:
    """The account of a bank's online money."""
    return "position:" + bank


class Books(Protocol):
    """Accounts by name: `ISSUED` (which counts downwards), `REDEEMED`, `OUTSTANDING`, a `position` for each bank."""

    def book(
        self, kind: str, cause: bytes, time: int, changes: Mapping[str, int], covered: Collection[str]
    ) -> str | None:
        """Book signed tiyn by account. None where it stands; else the account of ``covered`` that would be below zero,
        and nothing has changed."""

    def balance(self, account: str) -> int:
        """Signed tiyn; 0 of an account that was never moved."""

    def sums(self) -> Sums: ...

    def movements(self, bank: str, since: int, most: int) -> list[Movement]:
        """The changes of a bank's position after number ``since``, in order."""

    def is_moved(self, bank: str, kind: str, cause: bytes) -> bool:
        """Whether a movement of this kind and cause changed the bank's position."""

    def lost(self, bank: str, claim: bytes) -> int:
        """Tiyn that the bank's position has paid for a claim."""

    def last_number(self, bank: str) -> int:
        """The number of the last change of a bank's position, or up to which none is given."""

    def number_from(self, bank: str, last: int) -> None:
        """No number up to ``last`` is given again to a change of the bank's position."""

    def earliest_of_last(self, most: int) -> tuple[int, int]:
        """How many the last movements are, ``most`` at most, and the earliest time of one (unix seconds; 0: none)."""

    def order(self, kind: MovementKind, order_id: bytes) -> Order | None: ...

    def keep_order(self, order: Order) -> bool:
        """Whether there was none of this kind and id."""

    def is_sound(self) -> bool:
        """Whether every account is the sum of its entries, every movement sums to zero, and the whole balances."""
