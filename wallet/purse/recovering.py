"""Out of a rollback: once the ledger knows a transfer of ours for every sequence number up to the record's.

What the lost part of the purse had signed came back with deliveries. Intents that it shows signed are signed;
the others are dropped, and their numbers are not used again.
"""

from __future__ import annotations

from wallet.purse.payments import Payments, PaymentState
from wallet.purse.purse import Purse
from wallet.purse.transitions import Transition


class Recovering:
    """Looked at after every answer and delivery."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._payments = Payments(purse.store, purse.objects)

    def missing(self) -> tuple[int, ...]:
        """Sequence numbers for which the ledger has shown no transfer; none for a sound purse."""
        until = self._purse.journal.unknown_until
        if until is None:
            return ()
        rows = self._purse.store.rows(
            "SELECT DISTINCT o.sequence FROM outgoing o JOIN answer a ON a.txid = o.txid"
            " WHERE o.state = 'signed' AND a.verdict IS NOT NULL"
        )
        known = {row["sequence"] for row in rows}
        return tuple(number for number in range(1, until + 1) if number not in known)

    def try_to_leave(self) -> bool:
        """Whether the purse is sound now."""
        until = self._purse.journal.unknown_until
        if until is None:
            return True
        if self.missing():
            return False
        with self._purse.transition(Transition.RESUME, [until]):
            for waiting in self._payments.in_states(PaymentState.RESERVED):
                self._settle_intent(waiting.id)
            self._purse.store.write("DELETE FROM freed_sequence")
            self._purse.journal.leave_rollback()
        return True

    def _settle_intent(self, payment: bytes) -> None:
        purse, now = self._purse, self._purse.now()
        rows = purse.store.rows("SELECT txid FROM outgoing WHERE payment = ? AND state = 'signed'", payment)
        transfers = [purse.objects.transfer(row["txid"]) for row in rows]
        purse.outgoing.drop(payment)
        purse.tokens.release(payment)
        if not transfers:
            purse.store.write("UPDATE payment SET state = 'dropped', changed = ? WHERE id = ?", now, payment)
            return
        signers = {transfer.id: purse.objects.signer(transfer.id) for transfer in transfers}
        transfers.sort(key=lambda item: (item.body.total, item.body.sequence))
        raw = purse.objects.payment(transfers, signers, None).encode()
        purse.store.write(
            "UPDATE payment SET state = 'signed', changed = ?, raw = ? WHERE id = ?", now, raw, payment
        )
