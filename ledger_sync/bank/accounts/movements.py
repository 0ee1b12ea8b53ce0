"""Movements of the bank's position at the central bank: what this bank did not cause itself it books here.

Rule: issues and withdrawals move the bank's own account, and so does what it lost to a challenge. Everything else
is booked by whoever caused it, under its own id, and who waits for it is told. What this bank caused and does not know
any more (it was put back from a backup) is held as unclaimed. What is booked here for a cause is what its movements
come to by the list: a central bank that was put back moves the same money again. After a start, money goes out only
once the list was followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ledger_sync.bank.accounts.caused import note
from ledger_sync.bank.accounts.unclaimed import Unclaimed
from ledger_sync.bank.books import OWN, POSITION
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.peers import CentralBankClient, Movement
from ledger_sync.bank.ports.caused import CHALLENGE, FUNDING, LOST
from wallet.protocol import idempotency

_ORDERS: Final = frozenset({"issue", "withdrawal"})


class Movements:
    """Follows the central bank's list."""

    def __init__(
        self,
        context: BankContext,
        central_bank: CentralBankClient,
        funded: Callable[[bytes], None],
        compensated: Callable[[bytes], None],
        known: Mapping[str, Callable[[bytes], bool]],
        undone: Callable[[int, bytes, int], None],
    ) -> None:
        """Within the transaction that notes it, ``funded`` hears of each funding that the central bank carried out, and
        ``compensated`` of each claim for which another bank paid; ``known`` says of a cause, by kind, whether this bank
        knows it. ``undone`` hears the number, cause and tiyn of what was taken as for a funding and was none."""
        self._context = context
        self._undone = undone
        self._funded = funded
        self._compensated = compensated
        self._known = known
        self._unclaimed = Unclaimed(context)
        self._was_followed = False
        self._unit = context.storage.unit
        self._record = context.storage.movements
        self._books = context.books
        self._central_bank = central_bank

    def follow(self) -> None:
        """Book what is new. Raises ``Refusal`` as the central bank does."""
        seen = self.seen
        while news := self._central_bank.movements(seen):
            with self._unit.transaction():
                if self._record.advance(seen, news[-1].number):
                    for movement in news:
                        self._book(movement)
            seen = self.seen  # where another has followed the same list meanwhile, too
        self._was_followed = True

    def follow_once(self) -> None:
        """`follow`, unless that was done since this start."""
        if not self._was_followed:
            self.follow()

    @property
    def seen(self) -> int:
        """The number of the last movement that was booked."""
        return self._record.seen()

    def _book(self, movement: Movement) -> None:
        kind, cause, number = movement.kind, movement.cause, movement.number
        if kind in _ORDERS:
            self._books.move(idempotency.movement(kind, cause, number), POSITION, OWN, movement.amount)
        elif kind == CHALLENGE and movement.amount < 0:
            if fresh := self._fresh(LOST, movement):
                self._books.move(idempotency.movement(kind, cause, number), POSITION, OWN, fresh)
                note(self._context, LOST, cause)
        elif kind == FUNDING and movement.amount > 0:
            if fresh := self._fresh(kind, movement):
                self._undone(number, cause, fresh)
        elif kind == FUNDING and self._unclaimed.is_held(kind, cause):
            pass  # the central bank had forgotten it too, and has booked it anew
        elif kind in self._known and not self._known[kind](cause):
            if fresh := self._fresh(kind, movement):
                self._unclaimed.hold(number, kind, cause, fresh)
        else:
            if self._record.moved(kind, cause) is not None:
                self._fresh(kind, movement)
            self._tell(kind, cause)

    def _fresh(self, kind: str, movement: Movement) -> int:
        """Tiyn by which what was booked here for its cause differs from what its movements come to by now, noted as
        booked; less than what moved, or the other way round, where the central bank had forgotten and moved again."""
        cause, amount, total = movement.cause, movement.amount, movement.total
        before = self._record.moved(kind, cause)
        if total is None:  # an older central bank
            if before is not None:
                self._record.keep_moved(kind, cause, before + amount)
            return amount
        self._record.keep_moved(kind, cause, total)
        return amount if before is None else total - before

    def _tell(self, kind: str, cause: bytes) -> None:
        """Whoever waits for it."""
        if kind == FUNDING:
            self._funded(cause)
        elif kind == CHALLENGE:
            self._compensated(cause)
