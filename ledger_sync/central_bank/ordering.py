"""Orders of the operator: online tenge issued to a bank, or taken back from one; each carried out once.

Rule: the same order again has the same answer, whatever was ordered since.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger_sync.central_bank.books import move
from ledger_sync.central_bank.claims import free
from ledger_sync.central_bank.ports.books import ISSUED, REDEEMED, MovementKind, Order, position
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.http.call import Clock
from wallet.protocol.codes import Code, require


@dataclass(frozen=True, slots=True)
class Ordering:
    """Carries out what the operator orders."""

    storage: Storage
    clock: Clock

    def order(self, kind: MovementKind, order_id: bytes, bank: str, amount: int) -> int:
        """Move ``amount`` (tiyn) to (ISSUE) or from (WITHDRAWAL) a bank's position; all that was issued, or redeemed,
        with it.

        Raises ``Refusal``: FUNDING_MISMATCH (another order has this id), POSITION_SHORT, AMOUNT_INVALID.
        """
        books = self.storage.books
        with self.storage.transaction():
            held = books.order(kind, order_id)
            if held is not None:
                require(
                    (held.bank, held.amount) == (bank, amount), Code.FUNDING_MISMATCH, order=order_id.hex()
                )
                return held.total
            sign, against = (1, ISSUED) if kind is MovementKind.ISSUE else (-1, REDEEMED)
            if sign < 0:
                require(free(self.storage, bank) >= amount, Code.POSITION_SHORT, bank=bank)
            changes = {position(bank): sign * amount, against: -sign * amount}
            move(books, kind, order_id, self.clock(), changes)
            now = books.sums()
            total = now.issued if kind is MovementKind.ISSUE else now.redeemed
            books.keep_order(Order(kind, order_id, bank, amount, total))
            return total
