"""The payee's side of a payment: show the request, take the payment, hand out the receipt that the purse has kept.

Feed it messages (`receive`), time (`tick`) and the person's will (`cancel`); take `events` and the bytes to show
(`bytes_to_send`). One session is one request; many payments may answer a printed one. How it moves is in
`payee_table`; docs/sessions.md draws it. Signed is final: whatever the state, a payment to any request of ours goes
to the purse, which alone judges it.

Recovery. A session is not kept; the purse is. After a crash build one with `Payee.resume`:

    died in        on disk                       the new session
    -------------  ----------------------------  -----------------------------------------------------------
    requesting     the request                   shows it again
    receiving      nothing, or the answer        as requesting (the payer still shows), or as stored
    stored         money and receipt             shows the receipt; it never left before
    acknowledged   money and receipt             shows the same receipt again
    refused        refusal and receipt           shows the same refusal again
    expired,       the request                   as requesting, until told the time or cancelled again
    cancelled
"""

from __future__ import annotations

from typing import Self

from wallet.protocol.attachments import Attachment
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import is_good
from wallet.protocol.payment import Payment
from wallet.protocol.request import Request, request_ref
from wallet.session import events as event
from wallet.session import messages
from wallet.session.machine import Machine
from wallet.session.messages import (
    Heard,
    Message,
    PaymentMessage,
    ProblemMessage,
    ReceiptMessage,
    RequestMessage,
    Unreadable,
)
from wallet.session.payee_table import PAYEE, PayeeCall, PayeeInput, PayeeState
from wallet.session.ports import PayeePurse, Received
from wallet.session.table import Waiting

_WITH_RECEIPT = (PayeeState.STORED, PayeeState.ACKNOWLEDGED, PayeeState.REFUSED)


class Payee:
    """Not for several threads at once. Nothing that is received makes it raise, save a purse that fails to answer."""

    def __init__(
        self, purse: PayeePurse, request: Signed[Request], attachments: tuple[Attachment, ...] = ()
    ) -> None:
        """``attachments``: what is shown beside the request."""
        self._purse = purse
        self._request = request
        self._attachments = attachments
        self._ref = request_ref(request)
        self._machine = Machine(PAYEE, self._call, self._note)
        self._events: list[event.PayeeEvent] = []
        self._payment: Payment | None = None
        self._received: Received | None = None
        self._standing: bytes | None = None
        self._answer: bytes | None = None
        self._heard: PayeeInput | None = None

    @classmethod
    def resume(
        cls, purse: PayeePurse, request: Signed[Request], attachments: tuple[Attachment, ...] = ()
    ) -> Self:
        """The session of a request that was made before, with what has become of it."""
        session = cls(purse, request, attachments)
        session._machine.feed(PayeeInput.RESUME)
        return session

    @property
    def state(self) -> PayeeState:
        """State of the session, from ``payee_table``."""
        return self._machine.state

    @property
    def waiting(self) -> Waiting:
        """For whom this session waits. A payee's never waits for a person."""
        return self._machine.waiting

    @property
    def request(self) -> Signed[Request]:
        """Signed request that this session gives out."""
        return self._request

    def events(self) -> list[event.PayeeEvent]:
        """Events since the last call, in order; each is given once."""
        happened, self._events = self._events, []
        return happened

    # what comes from outside

    def receive(self, heard: bytes | Heard) -> None:
        """One whole message, from anybody: its bytes, or what ``read_message`` made of them."""
        self._answer = None
        message = messages.read_message(heard)
        if isinstance(message, Unreadable):
            self._heard = PayeeInput.UNREADABLE
            self._tell(message.refusal)
            self._machine.feed(self._heard)
            return
        self._heard = self._classify(message)
        if not self._machine.accepts(self._heard):
            self._tell(Refusal(Code.MESSAGE_UNEXPECTED, {"state": self.state.value}))
            return
        if isinstance(message, PaymentMessage):
            self._payment = message.payment
        elif isinstance(message, ProblemMessage):
            self._events.append(event.PeerProblem(message.code, message.facts))
        self._machine.feed(self._heard)

    def tick(self, now: int) -> None:
        """Tell the time (unix seconds, the wallet's). An expired request is shown no more; money still comes in."""
        if not is_good(now, self._request.body.expires):
            self._machine.feed(PayeeInput.EXPIRY)

    def cancel(self) -> None:
        """Ask no more. A payment that was signed already is still received."""
        self._machine.check(PayeeInput.CANCEL)
        self._answer = self._heard = None
        self._machine.feed(PayeeInput.CANCEL)

    # what goes out

    def bytes_to_send(self) -> bytes | None:
        """The message to show now, as long as the state lasts: the request, then the receipt that the purse has kept.

        None while the purse's answer is not known.
        """
        self._machine.feed(PayeeInput.SEND)
        match self.state:
            case PayeeState.REQUESTING:
                return messages.encode(RequestMessage(self._request, self._attachments))
            case PayeeState.EXPIRED:
                facts = {"expires": self._request.body.expires}
                return messages.encode(ProblemMessage(Code.REQUEST_EXPIRED, facts))
            case PayeeState.CANCELLED:
                return messages.encode(ProblemMessage(Code.DECLINED))
            case PayeeState.RECEIVING:
                return None
            case _:
                return self._standing

    def reply(self) -> bytes | None:
        """What a two-way carrier sends back to the message just received; a one-way one shows ``bytes_to_send``.

        The receipt of that very payment, the problem with that message, or what stands; nothing to a problem.
        """
        if self._answer is not None:
            if self._answer == self._standing:
                self._machine.feed(PayeeInput.SEND)
            return self._answer
        return None if self._heard is PayeeInput.PROBLEM else self.bytes_to_send()

    # inside

    def _classify(self, message: Message) -> PayeeInput:
        match message:
            case PaymentMessage(_, payment):
                return PayeeInput.PAYMENT if _answers(payment) == self._ref else PayeeInput.OTHER_PAYMENT
            case RequestMessage():
                return PayeeInput.REQUEST
            case ReceiptMessage():
                return PayeeInput.RECEIPT
            case ProblemMessage():
                return PayeeInput.PROBLEM

    def _tell(self, refusal: Refusal) -> None:
        """Their message is wrong: an event for us, a problem for them."""
        self._answer = messages.encode(messages.problem_of(refusal))
        self._events.append(event.MessageRefused(refusal.code, refusal.facts))

    def _call(self, verb: PayeeCall) -> PayeeInput:
        if verb is PayeeCall.FIND:
            self._received = self._purse.answered(self._request)
            return PayeeInput.NOTHING_FOUND if self._received is None else _outcome(self._received)
        is_other = verb is PayeeCall.RECEIVE_OTHER
        assert self._payment is not None
        try:
            self._received = self._purse.receive(self._payment)
        except Refusal as refusal:
            self._tell(refusal)
            return PayeeInput.OTHER_INVALID if is_other else PayeeInput.IS_INVALID
        self._answer = messages.encode(messages.ReceiptMessage(self._received.receipt))
        self._events.append(self._arrived(self._received, _answers(self._payment)))
        return PayeeInput.OTHER_ANSWERED if is_other else _outcome(self._received)

    @staticmethod
    def _arrived(received: Received, ref: bytes) -> event.PayeeEvent:
        if received.repeat_of is not None:
            return event.PaymentRepeated(received, ref)
        if received.code is not None:
            return event.PaymentRefused(received, ref)
        return event.PaymentReceived(received, ref)

    def _note(self, before: PayeeState, given: PayeeInput) -> None:
        """A receipt stands once the state is that of its payment: a later refusal never hides an acceptance."""
        is_refusal_of_another = given is PayeeInput.IS_REFUSED and self.state is not PayeeState.REFUSED
        if given in (PayeeInput.IS_STORED, PayeeInput.IS_REFUSED) and not is_refusal_of_another:
            assert self._received is not None
            self._standing = messages.encode(ReceiptMessage(self._received.receipt))
            if self._heard is None:
                self._events.append(event.PaymentRepeated(self._received, self._ref))
        elif self.state is not before and self.state is PayeeState.EXPIRED:
            self._events.append(event.RequestExpired())
        elif self.state is not before and self.state is PayeeState.CANCELLED:
            self._events.append(event.RequestCancelled())


def _answers(payment: Payment) -> bytes:
    """The ref of the one request that all new transfers answer; empty if there is none."""
    purposes = {transfer.body.purpose for transfer in payment.newest}
    only = purposes.pop() if len(purposes) == 1 else b""
    return only if isinstance(only, bytes) else b""


def _outcome(received: Received) -> PayeeInput:
    return PayeeInput.IS_STORED if received.code is None else PayeeInput.IS_REFUSED
