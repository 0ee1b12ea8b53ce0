"""The central bank's books: double entry, and issued - redeemed = positions + outstanding at every moment.

Rule: every movement's entries sum to zero, over accounts where `issued` counts downwards. That the accounts still
sum to zero and that the movement overdraws none is checked inside the transaction, after each movement; a movement
that would break it never was. Only what was forgotten and is booked afterwards may leave a position below zero: then
the bank owes that, and whatever comes to the position goes there first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wallet.protocol.bounds import MAX_SUM
from wallet.protocol.codes import Code, Refusal, require

ISSUED: Final = "issued"
REDEEMED: Final = "redeemed"
OUTSTANDING: Final = "outstanding"
_POSITION: Final = "position:"
MAX_MOVEMENTS: Final = 256
"""In one answer."""


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
    """A change of one bank's position by `amount` (signed tiyn), caused by the call that `id` names."""

    number: int
    kind: str
    id: bytes
    amount: int
    time: int


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


def position(bank: str) -> str:
    """The account of a bank's online money."""
    return _POSITION + bank


def move(
    db: sqlite3.Connection,
    kind: MovementKind,
    cause: bytes,
    time: int,
    changes: Mapping[str, int],
    *,
    may_overdraw: bool = False,
) -> None:
    """Book a movement inside the caller's transaction. `changes`: signed tiyn by account, summing to zero.
    `may_overdraw`: what has happened long ago, and is booked whatever the positions have by now.

    Raises `Refusal`: POSITION_SHORT, AMOUNT_INVALID (more than there can be), INTERNAL (the books would not balance).
    """
    row = db.execute("insert into movements (kind, id, time) values (?, ?, ?)", (kind.value, cause, time))
    for account, amount in changes.items():
        db.execute(
            "insert into accounts (name, balance) values (?, ?)"
            " on conflict (name) do update set balance = balance + excluded.balance",
            (account, amount),
        )
        db.execute(
            "insert into entries (movement, account, amount) values (?, ?, ?)",
            (row.lastrowid, account, amount),
        )
    shrunk = [] if may_overdraw else [name for name, amount in changes.items() if amount < 0]
    _check(db, shrunk)


def balance(db: sqlite3.Connection, account: str) -> int:
    """What an account holds, signed tiyn."""
    row = db.execute("select balance from accounts where name = ?", (account,)).fetchone()
    return 0 if row is None else int(row[0])


def sums(db: sqlite3.Connection) -> Sums:
    """What the books say now."""
    balances = dict(db.execute("select name, balance from accounts order by name").fetchall())
    positions = [
        (name.removeprefix(_POSITION), held) for name, held in balances.items() if name.startswith(_POSITION)
    ]
    return Sums(
        -balances.get(ISSUED, 0), balances.get(REDEEMED, 0), balances.get(OUTSTANDING, 0), tuple(positions)
    )


def movements(db: sqlite3.Connection, bank: str, since: int) -> list[Movement]:
    """The changes of a bank's position after the movement numbered `since`, in order, most MAX_MOVEMENTS."""
    rows = db.execute(
        "select number, kind, id, amount, time from entries join movements on number = movement"
        " where account = ? and movement > ? order by movement limit ?",
        (position(bank), since, MAX_MOVEMENTS),
    )
    return [Movement(*row) for row in rows]


def audit(db: sqlite3.Connection) -> bool:
    """Whether every account is the sum of its entries, every movement sums to zero, and the whole balances."""
    wrong = db.execute(
        "select 1 from accounts where balance != (select coalesce(sum(amount), 0) from entries where account = name)"
        " union all select 1 from entries group by movement having sum(amount) != 0"
    ).fetchone()
    return wrong is None and sums(db).is_balanced


def _check(db: sqlite3.Connection, shrunk: Collection[str]) -> None:
    now = sums(db)
    for bank, held in now.positions:
        require(held >= 0 or position(bank) not in shrunk, Code.POSITION_SHORT, bank=bank)
    require(now.issued <= MAX_SUM, Code.AMOUNT_INVALID)
    if not now.is_balanced or now.outstanding < 0 or now.redeemed < 0:
        raise Refusal(Code.INTERNAL, {"books": "unbalanced"})
