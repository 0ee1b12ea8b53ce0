"""Acceptance: what a payee may refuse although it is valid: by clock, policy, limits, store and request.

The payer makes every one of these checks that it can before it asks for the PIN. The order of the checks is
SPEC section 8.4; the first that fails gives the code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from wallet.protocol.bounds import DAY, MAX_AHEAD, MAX_HOP, MAX_TRANSFERS
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Policy, Reason
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, Verified


@dataclass(frozen=True, slots=True)
class PayeeView:
    """What the payee knows when it judges a payment.

    ``now``: the wallet's time, unix seconds. ``balance``: tiyn it holds already. ``reserved``: tiyn of its other
    outstanding requests. ``consumer_of``: the transfer it knows to consume a token, or None.
    """

    request: Signed[Request]
    policy: Policy
    now: int
    balance: int
    reserved: int
    consumer_of: Callable[[TokenRef], bytes | None]


def check_acceptance(verified: Verified, view: PayeeView) -> None:
    """Raise ``Refusal`` with the first code of SPEC 8.4 that applies, or return."""
    check_answers(verified, view.request)
    for transfer in verified.payment.newest:
        token = verified.tokens[TokenRef(transfer.id, 0)]
        signer = verified.signers[transfer.id].body
        _check_time(token, signer, view.now)
    check_payers_limits(verified, view.policy, view.now)
    _check_revoked(verified, view.policy)
    _check_consumed_once(verified, view)
    check_passable(verified)
    own = view.request.body.payee.body.limits.lower(view.policy.head.limits)
    held = view.balance + view.reserved + sum(token.amount for token in verified.received)
    require(held <= own.balance, Code.LIMIT_BALANCE, held=held, limit=own.balance)


def check_answers(verified: Verified, request: Signed[Request]) -> None:
    """That the new transfers answer this request, and no earlier one does that may be answered by one payment
    only: its ref, key, currency and amount, with no mark."""
    body = request.body
    newest = verified.payment.newest
    ref = request_ref(request)
    require(all(transfer.body.answers(ref) for transfer in newest), Code.REQUEST_UNKNOWN)
    answering = sum(transfer.body.answers(ref) for transfer in verified.payment.transfers)
    require(body.is_printed or answering == len(newest), Code.REQUEST_ANSWERED)
    require(all(transfer.body.payee == body.key for transfer in newest), Code.PAYEE_OTHER)
    received = verified.received
    require(all(token.currency == body.currency for token in received), Code.CURRENCY_OTHER)
    require(all(token.mark is None for token in received), Code.MARK_UNKNOWN)
    paid = sum(token.amount for token in received)
    if body.is_open:
        require(paid <= body.amount, Code.AMOUNT_OVER_CEILING, paid=paid, limit=body.amount)
    else:
        require(paid == body.amount, Code.AMOUNT_MISMATCH, paid=paid, asked=body.amount)
    last = max(transfer.body.time for transfer in newest)
    require(last <= body.expires, Code.REQUEST_EXPIRED, time=last, expires=body.expires)


def _check_time(token: Token, signer: Certificate, now: int) -> None:
    require(token.made <= now + MAX_AHEAD, Code.TIME_AHEAD, time=token.made, now=now)
    require(now <= token.expires, Code.TOKEN_EXPIRED, time=now, expires=token.expires)
    require(now <= signer.expires, Code.CERTIFICATE_EXPIRED, time=now, expires=signer.expires)


def check_payers_limits(verified: Verified, policy: Policy, now: int) -> None:
    """The payer's limits, as far as a payee can see them: per payment, total, hops, days."""
    paid = sum(token.amount for token in verified.received)
    for transfer in verified.payment.newest:
        certificate = verified.signers[transfer.id].body
        limits = certificate.limits.lower(policy.head.limits)
        require(paid <= limits.payment, Code.LIMIT_PAYMENT, paid=paid, limit=limits.payment)
        total = transfer.body.total - certificate.total
        require(
            total >= transfer.body.amount, Code.TOTAL_INCONSISTENT, total=total, paid=transfer.body.amount
        )
        require(total <= limits.total, Code.LIMIT_TOTAL, total=total, limit=limits.total)
        hop = verified.tokens[TokenRef(transfer.id, 0)].hop
        require(hop <= limits.hops, Code.LIMIT_HOPS, hop=hop, limit=limits.hops)
        check_days(certificate, limits, max(now, transfer.body.time))
    _check_totals_rise([transfer.body for transfer in verified.payment.newest])


def _check_totals_rise(newest: list[Transfer]) -> None:
    """One purse signed them: each has a number of its own and adds its amount to the total before it."""
    counted = sorted(newest, key=lambda body: body.sequence)
    for before, after in pairwise(counted):
        rises = after.sequence > before.sequence and after.total >= before.total + after.amount
        require(rises, Code.TOTAL_INCONSISTENT, total=after.total, paid=after.amount)


def check_days(certificate: Certificate, limits: Limits, time: int) -> None:
    """That the wallet reconciled recently enough to pay offline at ``time``. LIMIT_DAYS."""
    last = certificate.issued + limits.days * DAY
    require(time <= last, Code.LIMIT_DAYS, time=time, until=last, days=limits.days)


def _check_revoked(verified: Verified, policy: Policy) -> None:
    for certificate in verified.payment.certificates:
        reason = policy.revoked.get(certificate.body.revocation_id)
        require(reason is not Reason.CONFLICT, Code.REVOKED_CONFLICT, wallet=certificate.body.wallet.hex())
    for transfer in verified.payment.newest:
        check_counterpart(verified.signers[transfer.id].body, policy)


def check_counterpart(certificate: Certificate, policy: Policy) -> None:
    """That the one opposite is not revoked, for any reason. REVOKED_CONFLICT, REVOKED_COUNTERPART."""
    reason = policy.revoked.get(certificate.revocation_id)
    if reason is not None:
        code = Code.REVOKED_CONFLICT if reason is Reason.CONFLICT else Code.REVOKED_COUNTERPART
        require(False, code, wallet=certificate.wallet.hex())


def _check_consumed_once(verified: Verified, view: PayeeView) -> None:
    """No token is consumed twice: within the payment, or against anything the payee has stored."""
    consumers: dict[TokenRef, bytes] = {}
    for transfer in verified.payment.transfers:
        for ref in transfer.body.inputs:
            known = consumers.setdefault(ref, transfer.id), view.consumer_of(ref) or transfer.id
            require(known == (transfer.id, transfer.id), Code.TOKEN_CONSUMED_TWICE, token=str(ref))
    for token in verified.received:
        require(view.consumer_of(token.ref) is None, Code.TOKEN_CONSUMED_TWICE, token=str(token.ref))


def check_passable(verified: Verified) -> None:
    """transfers + (15 - hop) ≤ 64, so that the payee can pass on what it receives. PROVENANCE_TOO_LONG."""
    hop = min(token.hop for token in verified.received)
    needed = len(verified.payment.transfers) + MAX_HOP - hop
    require(needed <= MAX_TRANSFERS, Code.PROVENANCE_TOO_LONG, transfers=needed, limit=MAX_TRANSFERS)
