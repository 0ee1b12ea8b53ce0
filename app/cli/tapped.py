"""The two parties of a payment by tap, as a command plays them: what they tell their person, and what they ask.

Rule: sessions and purses decide; here events become words, questions and fields of `--json`.
"""

from __future__ import annotations

import argparse

from app.cli.asking import decided
from app.cli.context import Context
from app.cli.outcomes import refusal_of, say_received, tell_answered, tell_received, tell_signed
from app.wallets.opened import OpenWallet
from wallet.protocol.attachments import Attachment
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.purse.payments import UNANSWERED
from wallet.session import events, messages
from wallet.session.payee import Payee
from wallet.session.payee_table import PayeeState
from wallet.session.ports import Received
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc.ports import Reply

_NEEDS_A_PERSON = (events.ConfirmationNeeded, events.AlreadyPaid, events.SignatureNeeded)
_ANSWERED = (PayeeState.STORED, PayeeState.ACKNOWLEDGED, PayeeState.REFUSED)


class PayerParty:
    """Whoever pays."""

    def __init__(self, opened: OpenWallet, args: argparse.Namespace, context: Context) -> None:
        self.tap = PayerTap(opened.wallet.paying)
        self._opened = opened
        self._args = args
        self._context = context

    @property
    def is_done(self) -> bool:
        return self.tap.is_over

    def hear(self) -> list[Refusal]:
        self.tap.session.tick(self._opened.wallet.now())
        refused: list[Refusal] = []
        for event in self.tap.events():
            refused += self._heard(event)
        return refused

    def _heard(self, event: events.PayerEvent) -> list[Refusal]:
        if isinstance(event, _NEEDS_A_PERSON):
            event = decided(self.tap.session, event, self._opened, self._args, self._context)
        paying = self._opened.wallet.paying
        match event:
            case events.PaymentReady(payment_id):
                tell_signed("tap.signed", paying.summary(payment_id), self._context)
            case events.PaymentFound(payment):
                self._found(payment.id)
            case events.PaymentAcknowledged(payment_id) | events.PaymentReturned(payment_id):
                tell_answered(paying.summary(payment_id), None, self._context)
            case events.MessageRefused() | events.PeerProblem():
                return [refusal_of(event)]
            case events.PurseRefused() | events.PaymentDropped():
                raise refusal_of(event)
            case _:
                pass
        return []

    def _found(self, payment_id: bytes) -> None:
        payment = self._opened.wallet.paying.summary(payment_id)
        self._context.show.result(payment=payment.id.hex(), amount=payment.amount)
        if payment.state in UNANSWERED:
            self._context.show.say("pay.again")
        else:
            tell_answered(payment, payment.changed, self._context)

    def finish(self) -> None:
        """What `--json` says of a payment that was signed."""
        payment, paying = self.tap.session.payment_id, self._opened.wallet.paying
        if payment is not None and paying.receipt(payment) is not None:
            self._context.show.result(bytes=len(paying.show_again(payment)))


class PayeeParty:
    """Whoever is paid. ``received``: what came for the request under way, now or before this command."""

    def __init__(
        self,
        opened: OpenWallet,
        request: Signed[Request],
        context: Context,
        beside: tuple[Attachment, ...] = (),
    ) -> None:
        """``beside``: what is shown beside the request."""
        receiving = opened.wallet.receiving
        self.tap = _Noting(receiving, Payee.resume(receiving, request, beside))
        self.received: Received | None = None
        self._opened = opened
        self._context = context

    @property
    def is_done(self) -> bool:
        return self.tap.session.state in _ANSWERED

    def hear(self) -> list[Refusal]:
        session = self.tap.session
        session.tick(self._opened.wallet.now())
        refused: list[Refusal] = []
        for event in self.tap.events():
            match event:
                case events.PaymentReceived() | events.PaymentRepeated() | events.PaymentRefused():
                    self._paid(event.received, event.request_ref)
                case events.MessageRefused() | events.PeerProblem():
                    refused.append(refusal_of(event))
                case _:
                    expires = session.request.body.expires
                    facts = {"time": self._opened.wallet.now(), "expires": expires}
                    raise Refusal(Code.REQUEST_EXPIRED, facts)
        return refused

    def _paid(self, received: Received, ref: bytes) -> None:
        """The first word on the request under way stands; a payment to an earlier one is told of as well."""
        if ref != request_ref(self.tap.session.request):
            say_received(received, self._context)
        elif self.received is None:
            self.received = received
            tell_received(received, self.tap.payment_bytes, self._context)


class _Noting(PayeeTap):
    """``payment_bytes``: of the last payment that came, None before there was one."""

    payment_bytes: int | None = None

    def take(self, message: bytes | messages.Heard) -> Reply:
        heard = messages.read(message)
        if isinstance(heard, messages.PaymentMessage):
            self.payment_bytes = len(heard.raw)
        return super().take(heard)
