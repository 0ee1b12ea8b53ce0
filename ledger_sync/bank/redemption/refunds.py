"""Refunds: when expiry and grace have passed, unconsumed outputs go back to their last owner the ledger knows.

Rule: the notary's first commit of a reference decides between a refund and a late chain, never this bank's clock.
Each is asked for with the possession of the owner's key, keyed by the output, and booked once. One that lost to a
transfer which nobody can show is paid by the bank that had the token consumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.accounts.caused import note
from ledger_sync.bank.accounts.compensations import Compensations
from ledger_sync.bank.accounts.unclaimed import Unclaimed
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import CentralBankClient
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.caused import REFUND
from ledger_sync.bank.ports.compensations import Share
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.redemption.proofs import Proofs
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.http.peers import RemoteRefusal
from wallet.protocol import codec, idempotency
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.idempotency import refund_id
from wallet.protocol.lifetime import refundable_before
from wallet.protocol.transfer import TokenRef

_ROUND = 256
"""Outputs looked up in one round."""
_HOUR: Final = 3_600
"""Seconds that the central bank's last word may be old, and more, while it is there."""


class Refunds:
    """Finds what may be refunded, and has it refunded."""

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        proofs: Proofs,
        wallets: Wallets,
        work: JobQueue,
        compensations: Compensations,
        central_bank: CentralBankClient,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._refunds = context.storage.refunds
        self._objects = objects
        self._settlements = context.storage.settlements
        self._proofs = proofs
        self._wallets = wallets
        self._work = work
        self._compensations = compensations
        self._central_bank = central_bank
        self._unclaimed = Unclaimed(context)

    def find(self) -> None:
        """Open a refund for every settled output of customers' keys whose time is over, by this bank's clock and by the
        central bank's last word: one of them alone may be wrong."""
        head = self._context.trust.policy.head
        last = refundable_before(min(self._context.clock(), head.time + _HOUR), head.grace)
        with self._unit.transaction():
            for token in self._refunds.open(last, _ROUND):
                self._work.add(_job(token))

    def finish(self, subject: bytes) -> None:
        """Ask the central bank for one refund and book it. Raises its ``Refusal``s but TOO_LATE, which is final, and
        TOO_EARLY: then it is found again when its time has come."""
        token = TokenRef.from_cbor(codec.decode(subject, 2 * ID_BYTES))
        owner = self._objects.transfers.owner_of(token)
        if owner is None:
            raise Refusal(Code.NOT_FOUND, {"token": str(token)})
        possession = self._wallets.possession(owner)
        hsm.failpoint.reach("bank.refund.ask")
        try:
            answer = self._proofs.show(
                token.txid,
                lambda bundle, said: self._central_bank.refund(token, bundle, [*said.values()], possession),
            )
        except RemoteRefusal as refusal:
            if refusal.code is Code.TOO_EARLY:
                self._forget(token)
            elif refusal.code is Code.TOO_LATE or self._knows_consumer(refusal, owner):
                self._close(token, None)
            else:
                raise
            return
        hsm.failpoint.reach("bank.refund.answered")
        if answer.owed is None:
            self._close(token, answer.paid)
        else:
            self._compensate(token, answer.paid, answer.owed)
        hsm.failpoint.reach("bank.refund.booked")

    def _forget(self, token: TokenRef) -> None:
        with self._unit.transaction():
            self._refunds.too_early(token)
            self._work.drop(_job(token))

    def _knows_consumer(self, refusal: RemoteRefusal, owner: bytes) -> bool:
        """Whether a bank that is asked to show a transfer of ``owner`` need not: it is at hand here."""
        consumer = refusal.facts.get("consumer")
        if refusal.code is not Code.UNREACHABLE or not isinstance(consumer, str):
            return False
        return self._objects.transfers.has_copy(bytes.fromhex(consumer), owner)

    def _compensate(self, token: TokenRef, paid: int, owed: int) -> None:
        """A bank had the token consumed and could not show by what: it pays, at once or by and by, and then
        `Compensations` has it asked for again."""
        with self._unit.transaction():
            share = Share(refund_id(token), token.txid, token.output)
            self._compensations.book(share, self._account_of(token), paid, owed)
            if owed:
                self._refunds.owed(token, paid)
            else:
                self._refunds.paid(token, paid)
            self._work.done(_job(token))

    def _account_of(self, token: TokenRef) -> str:
        """NOT_FOUND."""
        account = self._refunds.account_of(token)
        if account is None:
            raise Refusal(Code.NOT_FOUND, {"token": str(token)})
        return account

    def _close(self, token: TokenRef, value: int | None) -> None:
        """``value`` None: it came too late."""
        with self._unit.transaction():
            if value:
                job, account = _job(token), self._account_of(token)
                note(self._context, REFUND, refund_id(token), job.subject)
                self._unclaimed.give(REFUND, refund_id(token), idempotency.refund(token), account, value)
            if value is None:
                self._refunds.late(token)
            else:
                self._refunds.paid(token, value)
            self._objects.waiting.hurry(self._settlements.waiting_for([token]))
            self._work.done(_job(token))

    def is_known(self, refund: bytes) -> bool:
        """Whether this bank knows of the refund of this id, booked or open."""
        if self._context.books.is_booked(f"refund:{refund.hex()}"):
            return True
        return any(open_one == refund for open_one, _value in self.in_flight())

    def in_flight(self) -> Sequence[tuple[bytes, int]]:
        """Refunds that the central bank may have booked already, and this bank has not."""
        return [(refund_id(token), value) for token, value in self._refunds.under_way()]


def _job(token: TokenRef) -> Job:
    return Job(JobKind.REFUND, "", codec.encode(token.to_cbor()))
