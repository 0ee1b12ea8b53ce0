"""A payer's or payee's session by tap: role-free, so that either may be the card or the reader.

One object is both the wallet behind a card (``Responder``) and the one behind a reader (``Conversation``) of
`wallet.transport.nfc`. Rule: everything that money depends on is the session's and the purse's; here messages only
find the session that they belong to, so that no tap, however late, brings something that nobody hears.
"""

from __future__ import annotations

from typing import Protocol

from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.receipt import Receipt
from wallet.protocol.request import Request, request_ref
from wallet.session import messages
from wallet.session.events import PayeeEvent, PayerEvent
from wallet.session.messages import Heard, PaymentMessage, ReceiptMessage, RequestMessage
from wallet.session.payee import Payee
from wallet.session.payee_table import PayeeState
from wallet.session.payer import Payer
from wallet.session.payer_table import PayerState
from wallet.session.ports import PayeePurse, PayerPurse
from wallet.session.table import Waiting
from wallet.transport.nfc.blocks import Nothing, Pending
from wallet.transport.nfc.ports import Reply

_SIGNED = (PayerState.SIGNED, PayerState.SHOWN, PayerState.ACKNOWLEDGED, PayerState.REFUSED)
_UNANSWERED = (PayerState.SIGNED, PayerState.SHOWN)
_ANSWERED = (PayeeState.STORED, PayeeState.ACKNOWLEDGED, PayeeState.REFUSED)
_ASKS_NO_MORE = (PayeeState.EXPIRED, PayeeState.CANCELLED)


class TappedPayerPurse(PayerPurse, Protocol):
    """What a payer's taps need of ``wallet.paying`` beside what its session does."""

    def signed_for(self, ref: bytes) -> bytes | None:
        """The signed payment (16 bytes) that answers a request with a nonce; None if there is none."""

    def of_receipt(self, receipt: Receipt) -> bytes:
        """The payment that a receipt names. PAYMENT_UNKNOWN."""


class TappedPayeePurse(PayeePurse, Protocol):
    """What a payee's taps need of ``wallet.receiving`` beside what its session does."""

    def own_request(self, ref: bytes) -> Signed[Request] | None:
        """The request of ours that ``ref`` names."""


class PayerTap:
    """``session`` is the payment under way: confirm or decline it there, take events here. While nothing is under way,
    a payee who asks for an earlier payment makes that one the session."""

    def __init__(self, purse: TappedPayerPurse, session: Payer | None = None) -> None:
        self._purse = purse
        self._events: list[PayerEvent] = []
        self._problem: tuple[bytes, bytes] = (b"", b"")
        self.session = session or Payer(purse)

    def events(self) -> list[PayerEvent]:
        """What has happened since the last call, in any payment that a tap was about."""
        happened, self._events = [*self._events, *self.session.events()], []
        return happened

    @property
    def ref(self) -> bytes:
        request = self.session.request
        return b"" if request is None else request_ref(request)

    @property
    def introduces(self) -> bool:
        return False

    @property
    def is_over(self) -> bool:
        return self.session.waiting is Waiting.FOR_NOBODY

    @property
    def waits_for_person(self) -> bool:
        """Where the purse failed to answer, the person says yes again."""
        return self.session.waiting in (Waiting.FOR_PERSON, Waiting.FOR_PURSE)

    def to_send(self) -> bytes | None:
        """The payment from its signature on, acknowledged or not."""
        standing = self.session.bytes_to_send()
        if standing is None and self.session.state in _SIGNED and self.session.payment_id is not None:
            return messages.payment_message(self._purse.show_again(self.session.payment_id))
        return standing

    def current_message(self, ref: bytes) -> Reply:
        """A payment is for those who know its request: whoever names none hears nothing."""
        if ref != self.ref:
            return self._earlier(ref)
        if not ref:
            return Nothing()
        if self.waits_for_person:
            return Pending()
        return self.to_send() or Nothing()

    def _earlier(self, ref: bytes) -> Reply:
        payment = self._purse.signed_for(ref) if ref else None
        if payment is None:
            about, problem = self._problem
            return problem if about == ref else Nothing()
        if self.session.state is PayerState.IDLE:
            self._take_up(Payer.resume(self._purse, payment))
        return messages.payment_message(self._purse.show_again(payment))

    def _take_up(self, session: Payer) -> None:
        """One that has its receipt is over: it keeps nobody from paying anew."""
        if session.state in _UNANSWERED:
            self._events += self.session.events()
            self.session = session

    def take(self, message: bytes | Heard) -> Reply:
        """The answer to one whole message: its bytes, or what ``read_message`` made of them."""
        read = messages.read_message(message)
        if isinstance(read, RequestMessage) and self.session.state is not PayerState.IDLE:
            ref = request_ref(read.request)
            standing = Nothing() if ref == self.ref else self._earlier(ref)
            if isinstance(standing, bytes):
                return standing
        earlier = self._receipt_of_another(read)
        session = self.session if earlier is None else Payer.resume(self._purse, earlier)
        session.receive(read)
        if session is not self.session:
            self._events += session.events()
        reply = session.reply()
        if reply is None and self.waits_for_person:
            return Pending()
        if reply is not None and isinstance(read, RequestMessage) and session.state is PayerState.IDLE:
            # A reader that was told to wait asks again, by the request's ref.
            self._problem = (request_ref(read.request), reply)
        return reply or Nothing()

    def _receipt_of_another(self, message: Heard) -> bytes | None:
        """The payment, not the one under way, that ``message`` is a receipt for."""
        if not isinstance(message, ReceiptMessage):
            return None
        try:
            payment = self._purse.of_receipt(message.receipt)
        except Refusal:
            return None
        return None if payment == self.session.payment_id else payment

    def delivered(self, message: bytes) -> None:
        """Nothing to note: only a receipt says that a payment arrived."""


class PayeeTap:
    """``session`` is the request under way: cancel it there, take events here. Payments and questions about earlier
    requests of this purse are answered all the same. ``payment_bytes``: of the last payment that came, encoded; None
    before there was one."""

    def __init__(self, purse: TappedPayeePurse, session: Payee) -> None:
        self._purse = purse
        self._events: list[PayeeEvent] = []
        self._handed: bytes | None = None
        self.payment_bytes: int | None = None
        self.session = session

    def events(self) -> list[PayeeEvent]:
        """What has happened since the last call."""
        happened, self._events = [*self._events, *self.session.events()], []
        return happened

    @property
    def ref(self) -> bytes:
        return request_ref(self.session.request)

    @property
    def introduces(self) -> bool:
        return self.session.state is PayeeState.REQUESTING

    @property
    def is_over(self) -> bool:
        """The receipt was handed over by our own reader, or nothing is asked for any more."""
        if self.session.state in _ANSWERED:
            return self._handed is not None and self._handed == self.session.bytes_to_send()
        return self.session.state in _ASKS_NO_MORE

    @property
    def waits_for_person(self) -> bool:
        return False

    def to_send(self) -> bytes | None:
        return self.session.bytes_to_send()

    def current_message(self, ref: bytes) -> Reply:
        """A receipt is for those who know its request: whoever names none hears what is asked for, if anything."""
        self._find_out()
        if not ref and self.session.state in _ANSWERED and not self.session.request.body.is_printed:
            return Nothing()
        request = self.session.request if ref in (b"", self.ref) else self._purse.own_request(ref)
        if request is None:
            return Nothing()
        if request.body.is_printed:
            # Another payer's receipt is nobody else's business.
            return messages.encode(RequestMessage(request))
        session = self.session if request is self.session.request else Payee.resume(self._purse, request)
        return session.bytes_to_send() or Nothing()

    def _find_out(self) -> None:
        """Where the purse failed to answer, and nobody would hand over the payment again: what it has by now."""
        if self.session.state is PayeeState.RECEIVING:
            self._events += self.session.events()
            self.session = Payee.resume(self._purse, self.session.request)

    def take(self, message: bytes | Heard) -> Reply:
        """The answer to one whole message: its bytes, or what ``read_message`` made of them."""
        read = messages.read_message(message)
        if isinstance(read, PaymentMessage):
            self.payment_bytes = len(read.raw)
        self.session.receive(read)
        return self.session.reply() or Nothing()

    def delivered(self, message: bytes) -> None:
        self._handed = message
