"""The two parties of a payment by tap, as a command plays them: what they tell their person, and what they ask.

Rule: the flows decide; here how things stand becomes words, questions and fields of `--json`.
"""

from __future__ import annotations

import argparse

from app.cli.asking import NEEDS_A_PERSON, decided
from app.cli.context import Context
from app.cli.outcomes import require_going_on, say_received, tell_answered, tell_received, tell_signed
from app.wallets.opened import OpenWallet
from wallet.flow import Came, PayFlow, PayStatus, ReceiveFlow
from wallet.protocol.attachments import Attachment
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.purse.store.payments import UNANSWERED, PaymentSummary
from wallet.session.payee_table import PayeeState
from wallet.session.ports import Received
from wallet.transport.nfc.ports import TappedWallet

_ANSWERED = (PayeeState.STORED, PayeeState.ACKNOWLEDGED, PayeeState.REFUSED)
_ASKS_NO_MORE = (PayeeState.EXPIRED, PayeeState.CANCELLED)


class PayerParticipant:
    """Whoever pays."""

    def __init__(self, opened: OpenWallet, args: argparse.Namespace, context: Context) -> None:
        self._flow = PayFlow(opened.wallet)
        self._opened = opened
        self._args = args
        self._context = context
        self._told: set[bytes] = set()

    @property
    def tap(self) -> TappedWallet:
        return self._flow.tap

    @property
    def is_done(self) -> bool:
        return self.tap.is_over

    def hear(self) -> list[Refusal]:
        status = self._flow.tick(self._opened.wallet.now())
        objections = self._heard(status)
        if status.state in NEEDS_A_PERSON:
            status = decided(self._flow, status, self._opened, self._args, self._context)
            objections += self._heard(status)
        return objections

    def _heard(self, status: PayStatus) -> list[Refusal]:
        for answered in status.answered:
            self._told.add(answered.id)
            tell_answered(answered, None, self._context)
        require_going_on(status)
        payment = status.payment
        if payment is not None and status.message is not None and payment.id not in self._told:
            self._told.add(payment.id)
            self._tell(payment, is_found=status.is_found)
        return list(status.objections)

    def _tell(self, payment: PaymentSummary, *, is_found: bool) -> None:
        if not is_found:
            tell_signed("tap.signed", payment, self._context)
            return
        self._context.show.result(payment=payment.id.hex(), amount=payment.amount)
        if payment.state in UNANSWERED:
            self._context.show.say("pay.again")
        else:
            tell_answered(payment, payment.changed, self._context)

    def finish(self) -> None:
        """What `--json` says of a payment that was signed."""
        payment, paying = self._flow.status().payment, self._opened.wallet.paying
        if payment is not None and paying.receipt(payment.id) is not None:
            self._context.show.result(bytes=len(paying.show_again(payment.id)))


class PayeeParticipant:
    """Whoever is paid. ``received``: what came for the request under way, now or before this command."""

    def __init__(
        self,
        opened: OpenWallet,
        request: Signed[Request],
        context: Context,
        beside: tuple[Attachment, ...] = (),
    ) -> None:
        """``beside``: what is shown beside the request."""
        self._flow = ReceiveFlow(opened.wallet, request, beside)
        self.received: Received | None = None
        self._opened = opened
        self._context = context

    @property
    def tap(self) -> TappedWallet:
        return self._flow.tap

    @property
    def is_done(self) -> bool:
        return self._flow.tap.session.state in _ANSWERED

    def hear(self) -> list[Refusal]:
        status = self._flow.tick(self._opened.wallet.now())
        for came in status.came:
            self._paid(came)
        if status.state in _ASKS_NO_MORE:
            facts = {"time": self._opened.wallet.now(), "expires": status.request.body.expires}
            raise Refusal(Code.REQUEST_EXPIRED, facts)
        return list(status.objections)

    def _paid(self, came: Came) -> None:
        """The first word on the request under way stands; a payment to an earlier one is told of as well."""
        if came.is_for_other:
            say_received(came.received, self._context)
        elif self.received is None:
            self.received = came.received
            tell_received(came.received, self._flow.tap.payment_bytes, self._context)
