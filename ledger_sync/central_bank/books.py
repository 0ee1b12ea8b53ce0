"""The central bank's books: double entry, and issued - redeemed = positions + outstanding at every moment.

Rule: every movement's entries sum to zero, over accounts where `issued` counts downwards. That the accounts still
sum to zero and that the movement overdraws none is checked inside the transaction, after each movement; a movement
that would break it never was. Only what was forgotten and is booked afterwards may leave a position below zero: then
the bank owes that, and whatever comes to the position goes there first.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger_sync.central_bank.ports.books import Books, position
from wallet.protocol.bounds import MAX_SUM
from wallet.protocol.codes import Code, Refusal, require


def move(
    books: Books,
    kind: str,
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
    positions = [name for name, amount in changes.items() if amount < 0 and name.startswith(position(""))]
    short = books.book(kind, cause, time, changes, () if may_overdraw else positions)
    if short is not None:
        raise Refusal(Code.POSITION_SHORT, {"bank": short.removeprefix(position(""))})
    now = books.sums()
    require(now.issued <= MAX_SUM, Code.AMOUNT_INVALID)
    if not now.is_balanced or now.outstanding < 0 or now.redeemed < 0:
        raise Refusal(Code.INTERNAL, {"books": "unbalanced"})
