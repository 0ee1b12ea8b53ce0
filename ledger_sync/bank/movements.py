"""Movements of the bank's position at the central bank: what this bank did not cause itself it books here.

Rule: issues and withdrawals move the bank's own account, and so does what it lost to a challenge. Everything else
is booked by whoever caused it, under its own id, and who waits for it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync.bank.books import OWN, POSITION
from ledger_sync.bank.house import House
from ledger_sync.bank.lines import CentralBankLine, Movement
from wallet.protocol import idempotency

_CURSOR: Final = "movements"
_OWN_KINDS: Final = frozenset({"issue", "withdrawal"})
_CHALLENGE: Final = "challenge"
_FUNDING: Final = "funding"


class Movements:
    """Follows the central bank's list."""

    def __init__(
        self,
        house: House,
        central_bank: CentralBankLine,
        funded: Callable[[bytes], None],
        compensated: Callable[[bytes], None],
    ) -> None:
        """Within the transaction that notes it, ``funded`` hears of each funding that the central bank carried out, and
        ``compensated`` of each claim for which another bank paid."""
        self._funded = funded
        self._compensated = compensated
        self._store = house.store
        self._books = house.books
        self._central_bank = central_bank

    def follow(self) -> None:
        """Book what is new. Raises ``Refusal`` as the central bank does."""
        while news := self._central_bank.movements(self._seen()):
            with self._store.transaction():
                for movement in news:
                    self._book(movement)
                self._store.run(
                    "insert into cursors (name, value) values (?, ?)"
                    " on conflict (name) do update set value = excluded.value",
                    (_CURSOR, news[-1].number),
                )

    def _seen(self) -> int:
        return int(self._store.value("select value from cursors where name = ?", (_CURSOR,)) or 0)

    def _book(self, movement: Movement) -> None:
        is_lost_challenge = movement.kind == _CHALLENGE and movement.amount < 0
        if movement.kind in _OWN_KINDS or is_lost_challenge:
            self._books.move(idempotency.movement(movement.number), POSITION, OWN, movement.amount)
        elif movement.kind == _FUNDING:
            self._funded(movement.cause)
        elif movement.kind == _CHALLENGE:
            self._compensated(movement.cause)
