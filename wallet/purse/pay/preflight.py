"""What a payer checks before it asks for the PIN: every check of the payee's that it can make itself.

The order: who asks, then who pays, then the amount, then the tokens. The first that fails gives the code.
"""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol.acceptance import check_counterpart
from wallet.protocol.certificate import Certificate, Limits, check_certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import CURRENCY, check_issuance
from wallet.protocol.lifetime import is_good
from wallet.protocol.limits import (
    Commitments,
    check_balance,
    check_days,
    check_payment,
    check_total,
    effective,
)
from wallet.protocol.request import Request, check_request, request_ref
from wallet.purse.pay.forgotten import ForgottenPayments
from wallet.purse.pay.selection import Choice, choose
from wallet.purse.pay.spendable import Spendable
from wallet.purse.purse import Purse
from wallet.purse.store.payments import UNANSWERED, Payments, PaymentState, PaymentSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Consideration:
    """Preview of a payment, for a person to confirm.

    ``amount`` in tiyn, None while an open amount was not named yet, of at most ``ceiling``. ``prior``: the state of
    the payment ``payment`` that this request already has (it can only be shown again); ``earlier``: payments to the
    same printed code that have no receipt; ``alike``: as much for the same payee, by another request that is still
    good, that neither payee nor ledger has answered.
    """

    request: Signed[Request]
    payee: Certificate
    amount: int | None
    ceiling: int | None
    prior: PaymentState | None
    payment: bytes | None
    earlier: tuple[PaymentSummary, ...]
    alike: tuple[PaymentSummary, ...]


class Preflight:
    """Reads the purse; changes nothing, but that a payment it had forgotten gets its row once its request is shown."""

    def __init__(self, purse: Purse, payments: Payments) -> None:
        self._purse = purse
        self._payments = payments
        self._spendable = Spendable(purse)
        self._remembering = ForgottenPayments(purse)

    def consider(self, request: Signed[Request], amount: int | None) -> tuple[Consideration, Choice | None]:
        """Preview of a payment, with the tokens that would pay where the amount (tiyn) is known and the request has
        no payment yet.

        Raises ``Refusal``: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, REQUEST_SIGNATURE, AMOUNT_MISMATCH; ROLLBACK,
        CURRENCY_OTHER, SELF_PAYMENT, REQUEST_EXPIRED, CERTIFICATE_EXPIRED, REVOKED_CONFLICT, REVOKED_COUNTERPART
        (the payee), NOT_CERTIFIED, WALLET_REVOKED, LIMIT_DAYS (this wallet); AMOUNT_INVALID, AMOUNT_OVER_CEILING,
        LIMIT_PAYMENT, LIMIT_TOTAL, LIMIT_BALANCE (the payee's), FUNDS_SHORT, HOPS_USED_UP, RECONCILE_FIRST,
        FUNDS_SCATTERED, POLICY_TOO_FAR.
        """
        check_request(request, self._purse.authority.directory)
        self._remembering.recall(request)
        body = request.body
        prior = self.prior(request)
        if prior is not None:
            return self._consideration(request, prior.amount, prior), None
        self.check_parties(request)
        named = amount if body.is_open else body.amount
        require(amount in (None, named), Code.AMOUNT_MISMATCH, paid=amount or 0, asked=body.amount)
        choice = None if named is None else self.plan(request, named)
        return self._consideration(request, named, None), choice

    def prior(self, request: Signed[Request]) -> PaymentSummary | None:
        """The payment that a request with a nonce already has, or the unsigned one of a printed code."""
        ref = request_ref(request)
        states = (PaymentState.RESERVED,) if request.body.is_printed else ()
        found = self._payments.answering(ref, *states)
        return found[-1] if found else None

    def earlier(self, request: Signed[Request]) -> tuple[PaymentSummary, ...]:
        """Payments to the same printed code that have no receipt."""
        return self._payments.answering(request_ref(request), *UNANSWERED) if request.body.is_printed else ()

    def alike(self, request: Signed[Request], amount: int) -> tuple[PaymentSummary, ...]:
        """What may be the same payment under another request: a payee who did not get what was signed a moment ago asks
        anew. It is warned of, never refused: two coffees are two payments."""
        ref, payee, now = request_ref(request), request.body.payee.body.wallet, self._purse.now()
        return tuple(
            item
            for item in self._payments.on_the_way()
            if (item.amount, item.payee.wallet) == (amount, payee)
            and item.request != ref
            and is_good(now, self._payments.request(item.id).body.expires)
        )

    def _consideration(
        self, request: Signed[Request], amount: int | None, prior: PaymentSummary | None
    ) -> Consideration:
        body = request.body
        return Consideration(
            request=request,
            payee=body.payee.body,
            amount=amount,
            ceiling=body.amount if body.is_open else None,
            prior=None if prior is None else prior.state,
            payment=None if prior is None else prior.id,
            earlier=self.earlier(request),
            alike=self.alike(request, amount) if prior is None and amount is not None else (),
        )

    def check_parties(self, request: Signed[Request]) -> None:
        """Check of payer and payee before an amount is known.

        Raises ``Refusal``: ROLLBACK, CURRENCY_OTHER, SELF_PAYMENT, REQUEST_EXPIRED, CERTIFICATE_EXPIRED,
        REVOKED_CONFLICT, REVOKED_COUNTERPART (the payee), NOT_CERTIFIED, WALLET_REVOKED, LIMIT_DAYS (this wallet).
        """
        purse, body, now = self._purse, request.body, self._purse.now()
        purse.journal.require_sound()
        require(body.currency == CURRENCY, Code.CURRENCY_OTHER, currency=body.currency)
        require(not purse.epochs.owns(body.key), Code.SELF_PAYMENT)
        require(is_good(now, body.expires), Code.REQUEST_EXPIRED, time=now, expires=body.expires)
        payee = body.payee.body
        require(is_good(now, payee.expires), Code.CERTIFICATE_EXPIRED, time=now, expires=payee.expires)
        check_counterpart(payee, purse.authority.policy)
        own = purse.epochs.require_current(now).body
        revoked = purse.authority.policy.revoked
        require(own.revocation_id not in revoked, Code.WALLET_REVOKED, wallet=own.wallet.hex())
        check_days(own, self._limits(own), now)

    def _limits(self, certificate: Certificate) -> Limits:
        return effective(certificate, self._purse.authority.policy.head.limits)

    def plan(self, request: Signed[Request], amount: int) -> Choice:
        """The tokens that will pay.

        Raises ``Refusal``: AMOUNT_INVALID, AMOUNT_MISMATCH, AMOUNT_OVER_CEILING, LIMIT_PAYMENT, LIMIT_TOTAL,
        LIMIT_BALANCE (the payee's), FUNDS_SHORT, HOPS_USED_UP, RECONCILE_FIRST, FUNDS_SCATTERED, POLICY_TOO_FAR.
        """
        body = request.body
        require(amount > 0, Code.AMOUNT_INVALID)
        if body.is_open:
            require(amount <= body.amount, Code.AMOUNT_OVER_CEILING, paid=amount, limit=body.amount)
        else:
            require(amount == body.amount, Code.AMOUNT_MISMATCH, paid=amount, asked=body.amount)
        own = self._purse.epochs.require_current(self._purse.now()).body
        self._check_amount(own, amount)
        check_balance(self._limits(body.payee.body), Commitments(), amount)
        choice = self._choose(amount, body.expires)
        self._check_understood(choice, body.policy)
        return choice

    def _check_amount(self, signer: Certificate, amount: int) -> None:
        limits = self._limits(signer)
        check_payment(limits, amount)
        check_total(signer, limits, amount, self._purse.outgoing.total() + amount)

    def _choose(self, amount: int, latest: int) -> Choice:
        funds = self._spendable.funds(latest)
        missing = funds.missing_code(amount)
        owners = {item.owner for item in funds.candidates}
        able = {owner for owner in owners if self._may_sign(owner, amount)}
        allowed = [item for item in funds.candidates if item.owner in able]
        if missing is None and sum(item.amount for item in allowed) < amount:
            missing = Code.RECONCILE_FIRST
        if missing is not None:
            raise Refusal(missing, {"have": funds.spendable, "need": amount})
        choice = choose(allowed, amount, self._purse.objects.size)
        if choice is None:
            raise Refusal(Code.FUNDS_SCATTERED, {"have": funds.spendable, "need": amount})
        return choice

    def _may_sign(self, key: bytes, amount: int) -> bool:
        """An older key pays under its own certificate, whose limits count from an older total."""
        signer = self._purse.epochs.certificate_for(key, self._purse.now())
        try:
            if signer is not None:
                self._check_amount(signer.body, amount)
        except Refusal:
            return False
        return signer is not None

    def _check_understood(self, choice: Choice, policy: int) -> None:
        """POLICY_TOO_FAR: the payee's directory is so old that it cannot verify what we would show it."""
        purse = self._purse
        directory = purse.authority.directory_at(policy)
        certificates = {item for part in choice.inputs for item in part.certificates}
        certificates.update(self._own_certificate(part.owner) for part in choice.parts)
        try:
            for item in sorted(certificates):
                check_certificate(purse.objects.certificate(item), directory)
            for item in sorted({item for part in choice.inputs for item in part.issuances}):
                check_issuance(purse.objects.issuance(item), directory)
        except Refusal as refusal:
            raise Refusal(
                Code.POLICY_TOO_FAR, {"have": policy, "version": purse.authority.version}
            ) from refusal

    def _own_certificate(self, key: bytes) -> bytes:
        certificate = self._purse.epochs.certificate_for(key, self._purse.now())
        if certificate is None:
            raise Refusal(Code.NOT_CERTIFIED, {"key": key.hex()})
        return certificate.id
