"""Acceptance: what a payee may refuse although it is valid: by clock, policy, limits, store and request.

The payer makes every one of these checks that it can before it asks for the PIN. The order of the checks is
SPEC section 8.4; the first that fails gives the code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wallet.protocol.bounds import MAX_AHEAD, MAX_HOP, MAX_TRANSFERS
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import is_good
from wallet.protocol.limits import (
    Commitments,
    Spending,
    check_balance,
    check_payer,
    check_totals_rise,
    effective,
)
from wallet.protocol.policy import Policy, Reason
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token, Verified


@dataclass(frozen=True, slots=True)
class PayeeView:
    """Knowledge of a payee that judges a payment. SPEC 8.4.

    ``now``: the wallet's time, unix seconds. ``commitments``: what counts against its balance limit but for this
    payment and its request. ``consumer_of``: the transfer it knows to consume a token, or None. ``answered_by``:
    ids of transfers in its store that were accepted as answers to this request. ``known``: ids of new transfers
    that it has already, in other company; what of them is still unspent counts in ``commitments``.
    """

    request: Signed[Request]
    policy: Policy
    now: int
    commitments: Commitments
    consumer_of: Callable[[TokenRef], bytes | None]
    answered_by: frozenset[bytes] = frozenset()
    known: frozenset[bytes] = frozenset()


def check_acceptance(verified: Verified, view: PayeeView) -> None:
    """Raise ``Refusal`` with the first code of SPEC 8.4 that applies, or return."""
    check_answers(verified, view.request, view.answered_by)
    for transfer in verified.payment.newest:
        token = verified.tokens[TokenRef(transfer.id, 0)]
        signer = verified.signers[transfer.id].body
        _check_time(token, signer, view.now)
    check_payers_limits(verified, view.policy, view.now)
    _check_revoked(verified, view.policy)
    _check_consumed_once(verified, view)
    check_passable(verified)
    own = effective(view.request.body.payee.body, view.policy.head.limits)
    coming = sum(token.amount for token in verified.received if token.ref.txid not in view.known)
    check_balance(own, view.commitments, coming)


def check_answers(
    verified: Verified, request: Signed[Request], answered_by: frozenset[bytes] = frozenset()
) -> None:
    """That the new transfers answer this request: its ref, key, currency and amount, with no mark; and that no other
    does, in this payment or among ``answered_by``, where one payment only may answer it.

    Raises ``Refusal`` with the first code of SPEC 8.4.1 to 8.4.8 that applies.
    """
    body = request.body
    newest = verified.payment.newest
    ref = request_ref(request)
    require(all(transfer.body.answers(ref) for transfer in newest), Code.REQUEST_UNKNOWN)  # 8.4.1
    answering = {transfer.id for transfer in verified.payment.transfers if transfer.body.answers(ref)}
    is_first = answering | answered_by <= set(verified.payment.ids)
    require(body.is_printed or is_first, Code.REQUEST_ANSWERED)  # 8.4.2
    require(all(transfer.body.payee == body.key for transfer in newest), Code.PAYEE_OTHER)  # 8.4.3
    received = verified.received
    require(all(token.currency == body.currency for token in received), Code.CURRENCY_OTHER)  # 8.4.4
    require(all(token.mark is None for token in received), Code.MARK_UNKNOWN)  # 8.4.5
    paid = sum(token.amount for token in received)
    if body.is_open:
        require(paid <= body.amount, Code.AMOUNT_OVER_CEILING, paid=paid, limit=body.amount)  # 8.4.6
    else:
        require(paid == body.amount, Code.AMOUNT_MISMATCH, paid=paid, asked=body.amount)  # 8.4.7
    last = max(transfer.body.time for transfer in newest)
    require(last <= body.expires, Code.REQUEST_EXPIRED, time=last, expires=body.expires)  # 8.4.8


def _check_time(token: Token, signer: Certificate, now: int) -> None:
    require(token.made <= now + MAX_AHEAD, Code.TIME_AHEAD, time=token.made, now=now)  # 8.4.9
    require(is_good(now, token.expires), Code.TOKEN_EXPIRED, time=now, expires=token.expires)  # 8.4.10
    require(
        is_good(now, signer.expires), Code.CERTIFICATE_EXPIRED, time=now, expires=signer.expires
    )  # 8.4.11


def check_payers_limits(verified: Verified, policy: Policy, now: int) -> None:
    """The payer's limits, as far as a payee can see them: per payment, total, hops, days."""
    paid = sum(token.amount for token in verified.received)
    for transfer in verified.payment.newest:
        certificate = verified.signers[transfer.id].body
        hop = verified.tokens[TokenRef(transfer.id, 0)].hop
        time = max(now, transfer.body.time)
        spending = Spending(paid=paid, transfer=transfer.body, hop=hop, time=time)
        check_payer(certificate, effective(certificate, policy.head.limits), spending)
    check_totals_rise(transfer.body for transfer in verified.payment.newest)


def _check_revoked(verified: Verified, policy: Policy) -> None:
    for certificate in verified.payment.certificates:
        reason = policy.revoked.get(certificate.body.revocation_id)
        require(
            reason is not Reason.CONFLICT, Code.REVOKED_CONFLICT, wallet=certificate.body.wallet.hex()
        )  # 8.4.17
    for transfer in verified.payment.newest:
        check_counterpart(verified.signers[transfer.id].body, policy)


def check_counterpart(certificate: Certificate, policy: Policy) -> None:
    """That the one opposite is not revoked, for any reason. REVOKED_CONFLICT, REVOKED_COUNTERPART."""
    reason = policy.revoked.get(certificate.revocation_id)
    if reason is not None:
        code = Code.REVOKED_CONFLICT if reason is Reason.CONFLICT else Code.REVOKED_COUNTERPART  # 8.4.18
        require(False, code, wallet=certificate.wallet.hex())


def _check_consumed_once(verified: Verified, view: PayeeView) -> None:
    """No token is consumed twice: within the payment, or against anything the payee has stored."""
    consumers: dict[TokenRef, bytes] = {}
    for transfer in verified.payment.transfers:
        for ref in transfer.body.inputs:
            known = consumers.setdefault(ref, transfer.id), view.consumer_of(ref) or transfer.id
            require(known == (transfer.id, transfer.id), Code.TOKEN_CONSUMED_TWICE, token=str(ref))  # 8.4.19
    for token in verified.received:
        require(
            token.ref.txid in view.known or view.consumer_of(token.ref) is None,
            Code.TOKEN_CONSUMED_TWICE,
            token=str(token.ref),
        )  # 8.4.19


def check_passable(verified: Verified) -> None:
    """transfers + (15 - hop) ≤ 64, so that the payee can pass on what it receives. PROVENANCE_TOO_LONG."""
    hop = min(token.hop for token in verified.received)
    needed = len(verified.payment.transfers) + MAX_HOP - hop
    require(
        needed <= MAX_TRANSFERS, Code.PROVENANCE_TOO_LONG, transfers=needed, limit=MAX_TRANSFERS
    )  # 8.4.20
