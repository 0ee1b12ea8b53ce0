"""Funding: money of an account becomes tokens. Account first, then the central bank, then the books again.

Rule: keyed by the funding id, a funding is debited once and issued once, whatever is cut off in between, and whoever
asks for it at once; a worker finishes what a crash left. Only what the central bank itself refuses for good puts the
money back on the account; an answer that never came, or that can't be read or believed, is asked for again. What was
refused stays refused: every copy of the call, however late, has the same answer. Where the central bank carries one out
all the same, its movement says so and the funding is taken up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import hsm.failpoint
from ledger_sync.bank.accounts.caused import note
from ledger_sync.bank.books import FUNDINGS, OWN, POSITION
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.intake import Intake
from ledger_sync.bank.peers import CentralBankClient
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.caused import FUNDING
from ledger_sync.bank.ports.fundings import Denial, Funding, FundingStage
from ledger_sync.bank.provisioning.certification import Certification
from ledger_sync.bank.terms import MAX_OPEN_FUNDINGS, MAX_REFUSED_FUNDINGS, Terms
from ledger_sync.http.call import WINDOW
from ledger_sync.http.peers import RemoteRefusal, is_about_the_call, is_final, read
from wallet.protocol import idempotency
from wallet.protocol.bounds import DAY, MAX_SUM
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.lifetime import refundable_before
from wallet.protocol.limits import check_balance, effective

_LATE_COPIES: Final = 12 * WINDOW
"""Seconds after a refusal in which another copy of the call may come: more than any is good for."""


class FundingOrders:
    """Fundings of this bank's customers."""

    def __init__(
        self,
        context: BankContext,
        certification: Certification,
        objects: Archive,
        intake: Intake,
        central_bank: CentralBankClient,
        terms: Terms,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._fundings = context.storage.fundings
        self._certification = certification
        self._objects = objects
        self._intake = intake
        self._central_bank = central_bank
        self._most_a_day = terms.fundings

    def fund(self, account: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        """Tokens of ``amounts`` (tiyn) for ``owner`` (a certified key), paid from ``account``. The same again gives
        the same issuance, or the same refusal.

        Raises ``Refusal``: FUNDING_MISMATCH, NOT_CERTIFIED, CERTIFICATE_EXPIRED, WALLET_REVOKED, LIMIT_BALANCE,
        TOO_MANY, ACCOUNT_SHORT; ``RemoteRefusal``: POSITION_SHORT and what else the central bank refuses; ``NoAnswer``,
        after which the same may be asked again.
        """
        self._debit(Funding(funding, account, owner, tuple(amounts), since=self._context.clock()))
        hsm.failpoint.reach("bank.fund.debited")
        return self.finish(funding)

    def _debit(self, wanted: Funding) -> None:
        with self._unit.transaction():
            known = self._fundings.get(wanted.id)
            if known is None:
                refusal = self._take(wanted)
            else:
                require(known.asks_the_same(wanted), Code.FUNDING_MISMATCH)
                refusal = _refusal(known)
        if refusal is not None:
            raise refusal

    def _take(self, wanted: Funding) -> Refusal | None:
        """Debit a new funding, or keep that it was refused, in the same transaction."""
        cause = idempotency.funding(wanted.id, wanted.attempt)
        try:
            self._check(wanted)
            self._context.books.move(cause, wanted.customer, FUNDINGS, wanted.amount)
        except Refusal as refusal:
            if is_about_the_call(refusal.code):
                raise
            denial = self._denial(refusal)
            self._fundings.add(replace(wanted, stage=FundingStage.DENIED, attempt=0, denial=denial))
            before = self._context.clock() - _LATE_COPIES
            self._fundings.forget_denied(wanted.customer, before, MAX_REFUSED_FUNDINGS)
            return refusal
        self._fundings.add(wanted)
        return None

    def _check(self, wanted: Funding) -> None:
        account, owner = wanted.customer, wanted.owner
        certificate = self._certification.usable(account, owner).body
        require(wanted.amount <= MAX_SUM, Code.AMOUNT_INVALID)
        policy = self._context.trust.policy.head
        before = refundable_before(self._context.clock(), policy.grace)
        held = self._fundings.commitments(account, owner, before)
        check_balance(effective(certificate, policy.limits), held, wanted.amount)
        count = len(self.open_ones(account))
        require(count < MAX_OPEN_FUNDINGS, Code.TOO_MANY, count=count, limit=MAX_OPEN_FUNDINGS)
        count = self._fundings.count_debited(account, wanted.since - DAY, wanted.since)
        require(count < self._most_a_day, Code.TOO_MANY, count=count, limit=self._most_a_day)

    def finish(self, funding: bytes) -> Signed[Issuance]:
        """Have the central bank issue a debited funding. Gives the same issuance ever after."""
        issuance = None
        while issuance is None:
            issuance = self._try(funding)
        return issuance

    def _try(self, funding: bytes) -> Signed[Issuance] | None:
        """None where another has ended it before the central bank answered here."""
        debited = self._fundings.get(funding)
        if debited is None:
            raise Refusal(Code.NOT_FOUND)
        known = None if debited.issuance is None else self._objects.issuances.get(debited.issuance)
        if known is not None:
            return known
        refused = _refusal(debited)
        if refused is not None:
            raise refused
        try:
            answer = self._central_bank.fund(funding, debited.owner, debited.amounts)
        except RemoteRefusal as refusal:
            if not is_final(refusal) or self._give_back(debited, refusal):
                raise
            return None
        issuance = read(answer, lambda signed: self._believed(signed, debited))
        hsm.failpoint.reach("bank.fund.answered")
        if not self._book(debited, issuance):
            return None
        hsm.failpoint.reach("bank.fund.issued")
        return issuance

    def _believed(self, issuance: Signed[Issuance], debited: Funding) -> Signed[Issuance]:
        """ISSUANCE_SIGNATURE, FUNDING_MISMATCH."""
        check_issuance(issuance, self._context.trust.directory)
        body = issuance.body
        fits = (body.funding, body.owner, tuple(body.amounts)) == (debited.id, debited.owner, debited.amounts)
        require(fits, Code.FUNDING_MISMATCH)
        return issuance

    def _book(self, debited: Funding, issuance: Signed[Issuance]) -> bool:
        """Whether it is this call that has ended the attempt. Where another was refused and gave the money back
        meanwhile, the answer at hand says as the list of movements would that it was carried out."""
        with self._unit.transaction():
            if self._fundings.get(debited.id) != debited:
                self.carried_out(debited.id)
                return False
            self._intake.add_issuance(issuance)
            self._fundings.issued(debited.id, debited.attempt, issuance.id)
            note(self._context, FUNDING, debited.id)
            cause = idempotency.funding_issued(debited.id, debited.attempt)
            self._context.books.move(cause, FUNDINGS, POSITION, debited.amount)
            return True

    def _give_back(self, debited: Funding, refusal: RemoteRefusal) -> bool:
        """Whether it is this call that has ended the attempt."""
        with self._unit.transaction():
            is_ended = self._fundings.denied(debited.id, debited.attempt, self._denial(refusal))
            if is_ended:
                cause = idempotency.funding_back(debited.id, debited.attempt)
                self._context.books.move(cause, FUNDINGS, debited.customer, debited.amount)
            return is_ended

    def _denial(self, refusal: Refusal) -> Denial:
        return Denial(refusal.code, refusal.facts, self._context.clock())

    def carried_out(self, funding: bytes) -> None:
        """The central bank has issued it, its list of movements or its answer says; within the caller's transaction. If
        it was refused here, the money is taken once more, from the bank itself where the account no longer has it, and
        the worker fetches the issuance."""
        denied, books = self._fundings.get(funding), self._context.books
        if denied is None or not self._fundings.resumed(funding, denied.attempt):
            return
        payer = denied.customer if books.balance(denied.customer) >= denied.amount else OWN
        books.move(idempotency.funding(funding, denied.attempt + 1), payer, FUNDINGS, denied.amount)

    def is_known(self, funding: bytes) -> bool:
        """Whether this bank knows of a funding, whatever became of it."""
        return self._fundings.get(funding) is not None

    def open_ones(self, account: str | None = None) -> list[tuple[bytes, int]]:
        """Fundings that are debited and not yet booked as issued, of one account or of all."""
        return self._fundings.open_ones(account)


def _refusal(funding: Funding) -> Refusal | None:
    """What a denied funding is refused with, every time."""
    return None if funding.denial is None else Refusal(funding.denial.code, funding.denial.facts)
