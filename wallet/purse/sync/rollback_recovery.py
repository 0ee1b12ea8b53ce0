"""Out of a rollback: once the ledger knows a transfer of ours for every sequence number up to the record's.

What the lost part of the purse had signed came back with deliveries. Intents that it shows signed are signed;
the others are dropped, and their numbers are not used again.

What nobody shows the ledger (the payee lost it too) would keep the purse waiting for ever. It waits as long as
anything that was signed before may still count: until every token that there was then has expired and its grace has
passed, by a signed time that is not alone (`words`). They have been refunded by then; whatever came later was never
spent before.
"""

from __future__ import annotations

from typing import Final

from wallet.protocol.bounds import DAY, MAX_AHEAD
from wallet.protocol.lifetime import is_over
from wallet.purse.purse import Purse
from wallet.purse.store.payments import Payments, PaymentState
from wallet.purse.store.tokens import TokenState
from wallet.purse.store.transitions import Transition

LONGEST_LIFE: Final = 90 * DAY
"""Seconds that a token lives at least; longer if any that the purse has seen does."""


class RollbackRecovery:
    """Looked at after every answer and delivery, and at the end of every reconciling."""

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
        self._leave(until)
        return True

    def reconciled(self) -> None:
        """Everything was uploaded and every delivery taken: leave if nothing is missing, or if it is too late for
        what is missing to count."""
        until, since = self._purse.journal.unknown_until, self._purse.journal.unknown_since
        if until is None or self.try_to_leave():
            return
        if since is None:
            with self._purse.store.transaction():
                self._purse.journal.note_unknown_since(self._purse.authority.agreed_time)
        elif self._is_over(since):
            self._leave(until)

    def _is_over(self, since: int) -> bool:
        purse = self._purse
        seen = purse.store.value(
            "SELECT max(o.expires - o.made) FROM output o JOIN object b ON b.id = o.txid WHERE b.kind = 'issuance'"
        )
        held = purse.tokens.all(TokenState.HELD, TokenState.RESERVED)
        doubtful = [item for item in held if item.token.made <= since + MAX_AHEAD]
        ends = [since + max(LONGEST_LIFE, seen or 0), *(item.token.expires for item in doubtful)]
        return is_over(ends, purse.authority.policy.head.grace, purse.authority.agreed_time)

    def _leave(self, until: int) -> None:
        with self._purse.transition(Transition.RESUME, [until]):
            for waiting in self._payments.in_states(PaymentState.RESERVED):
                self._settle_intent(waiting.id)
            self._purse.store.write("DELETE FROM freed_sequence")
            self._purse.journal.leave_rollback()

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
