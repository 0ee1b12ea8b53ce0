"""Fundings that were carried out and that a bank, put back from a backup, no longer knows.

Rule: the central bank has the issuance, and the issuance names the key; whose key that is, this bank knows or learns
again when it certifies the key again. The customer then pays what it had paid; what its account no longer has, the
bank bears. Where the central bank itself had forgotten, it may have taken a redemption's new tokens for a funding; once
it knows better it gives the money back, and so does the bank.
"""

from __future__ import annotations

import logging
from typing import Final

from ledger_sync.bank.accounts.caused import note
from ledger_sync.bank.accounts.unclaimed import Unclaimed
from ledger_sync.bank.books import OWN, POSITION
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.intake import Intake
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import CentralBankClient
from ledger_sync.bank.ports.caused import FUNDING
from ledger_sync.bank.ports.fundings import Funding, FundingStage
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.http.peers import RemoteRefusal, read
from wallet.protocol import idempotency
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance, check_issuance

_log: Final = logging.getLogger(__name__)


class ForgottenFundings:
    """Takes them up again."""

    def __init__(
        self,
        context: BankContext,
        wallets: Wallets,
        intake: Intake,
        work: JobQueue,
        central_bank: CentralBankClient,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._fundings = context.storage.fundings
        self._redemptions = context.storage.redemptions
        self._wallets = wallets
        self._work = work
        self._asked: set[bytes] = set()
        """Redemptions that were proved again since this start."""
        self._intake = intake
        self._central_bank = central_bank
        self._unclaimed = Unclaimed(context)
        self._shown: dict[bytes, Signed[Issuance]] = {}
        """What the central bank has shown of them since this start: their customers may be long in coming."""

    def recover(self) -> None:
        """All whose customer is known. One that the central bank can't show holds up no other. Raises ``NoAnswer``."""
        for funding in self._unclaimed.fundings():
            try:
                self._recover_one(funding)
            except RemoteRefusal as refusal:
                _log.warning("a funding that this bank has forgotten", extra={"code": refusal.code})

    def _recover_one(self, funding: bytes) -> None:
        issuance = self._shown.get(funding)
        if issuance is None:
            answer = self._central_bank.issuance(funding)
            issuance = self._shown[funding] = read(answer, lambda signed: self._believed(signed, funding))
        if self._is_of_a_redemption(issuance):
            return
        customer = self._wallets.customer_of(issuance.body.owner)
        if customer is not None:
            with self._unit.transaction():
                if self._unclaimed.is_held(FUNDING, funding):
                    self._book(funding, customer, issuance)
            self._shown.pop(funding, None)

    def _is_of_a_redemption(self, issuance: Signed[Issuance]) -> bool:
        """Whether this bank knows better than the central bank: the tokens came of a redemption, which it proves again,
        once."""
        redemption = self._redemptions.giving(issuance.id)
        if redemption is not None and redemption not in self._asked:
            self._asked.add(redemption)
            with self._unit.transaction():
                self._work.again(Job(JobKind.REDEEM, "", redemption))
        return redemption is not None

    def _believed(self, issuance: Signed[Issuance], funding: bytes) -> Signed[Issuance]:
        """ISSUANCE_SIGNATURE, FUNDING_MISMATCH."""
        check_issuance(issuance, self._context.trust.directory)
        require(issuance.body.funding == funding, Code.FUNDING_MISMATCH)
        return issuance

    def _book(self, funding: bytes, customer: str, issuance: Signed[Issuance]) -> None:
        body, books = issuance.body, self._context.books
        amount = sum(body.amounts)
        self._intake.add_issuance(issuance)
        self._fundings.add(
            Funding(
                funding,
                customer,
                body.owner,
                tuple(body.amounts),
                FundingStage.ISSUED,
                issuance=issuance.id,
                since=self._context.clock(),
            )
        )
        paid = min(amount, books.balance(customer))
        if paid < amount:
            _log.warning("a forgotten funding: the account is short, the bank pays")
        note(self._context, FUNDING, funding)
        self._unclaimed.known_again(FUNDING, funding)
        books.move(idempotency.funding_issued(funding, 1), customer, OWN, paid)

    def undo(self, number: int, funding: bytes, amount: int) -> None:
        """By the movement ``number`` the central bank gives back ``amount`` (tiyn): the tokens came of a redemption.
        The customer gets what it has paid. Within the transaction that notes it."""
        books = self._context.books
        books.move(f"{idempotency.forgotten(FUNDING, funding)}:{number}", POSITION, OWN, amount)
        self._unclaimed.known_again(FUNDING, funding)
        known = self._fundings.get(funding)
        if known is None:
            return
        paid = -books.moved(idempotency.funding_issued(funding, 1), known.customer)
        if paid:
            books.move(idempotency.funding_back(funding, 1), OWN, known.customer, paid)
            self._fundings.remove(funding)
            self._context.storage.caused.forget(FUNDING, funding)
