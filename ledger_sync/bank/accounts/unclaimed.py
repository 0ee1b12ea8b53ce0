"""Money that moved at the central bank in this bank's name and that its books know nothing of.

Rule: a bank that was put back from a backup finds in the central bank's list what it caused and forgot. Its own account
takes such a movement at once, so that its books and its position agree, and gives it back when the funding,
redemption or refund is known again: through a wallet that is asked to show what it has, or a peer that passes it on.
"""

from __future__ import annotations

import logging
from typing import Final

from ledger_sync.bank.books import OWN, POSITION
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.caused import FUNDING
from wallet.protocol import idempotency

_log: Final = logging.getLogger(__name__)


class Unclaimed:
    """Works within the caller's transaction. ``kind`` and ``cause`` are those of the central bank's movement."""

    def __init__(self, context: BankContext) -> None:
        self._record = context.storage.movements
        self._books = context.books

    def hold(self, number: int, kind: str, cause: bytes, amount: int) -> None:
        """The movement ``number``, which nobody here remembers: ``amount`` (tiyn) came to the position, or left it."""
        _log.warning("a movement that this bank has forgotten", extra={"kind": kind, "number": number})
        self._books.move(f"{idempotency.forgotten(kind, cause)}:{number}", POSITION, OWN, amount)
        self._record.hold(kind, cause, amount)

    def give(self, kind: str, cause: bytes, entry: str, account: str, amount: int) -> None:
        """Book what came of ``cause`` on ``account``, as ``entry``: from the bank's own account as far as that has had
        it since `hold`, else from the position."""
        part = min(amount, self._record.held(kind, cause) or 0)
        if not part:
            self._books.move(entry, POSITION, account, amount)
        elif self._books.move(entry, OWN, account, part):
            self._books.move(f"{entry}:rest", POSITION, account, amount - part)
            self._record.give(kind, cause, part)

    def known_again(self, kind: str, cause: bytes) -> None:
        """What the bank's own account paid is booked by whoever calls this."""
        self._record.known_again(kind, cause)

    def fundings(self) -> list[bytes]:
        """The ids of fundings that were carried out and forgotten."""
        return self._record.held_of(FUNDING)

    def is_held(self, kind: str, cause: bytes) -> bool:
        """Whether it waits to be known again."""
        return self._record.held(kind, cause) is not None
