"""The payer's side of a payment: bytes in, events out, and a purse that does the durable work.

Feed it messages (`receive`), time (`tick`) and the person's will (`confirm`, `decline`, `show_again`, `pay_anew`);
take `events` and the bytes to show (`bytes_to_send`). One session is one payment. How it moves is in `payer_table`;
docs/sessions.md draws it. Whoever calls `confirm` has checked the PIN.

Recovery. A session is not kept; the purse is. After a crash build one with `Payer.resume`, or let the person scan
the request again:

    died in         on disk                     the new session
    --------------  --------------------------  ------------------------------------------------------------
    requested       nothing                     starts over with the request
    confirmed       nothing, or the intent      as requested, or as reserved
    reserved        the intent, unsigned        asks: sign the same bytes, or drop it (dropped once expired)
    signed          the signed payment          shows it; it never left before
    shown           the signed payment          shows it again; receiving it twice is harmless
    acknowledged,   the receipt                 answers a repeated request with the same payment
    refused
    dropped         that it was dropped         starts over with the request

Where the money is at any time: `money`.
"""

from __future__ import annotations

from typing import Final, Self, TypeVar

from wallet.protocol.codes import Code, Refusal
from wallet.protocol.contact import contact_of
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import is_good
from wallet.protocol.receipt import Receipt
from wallet.protocol.request import Request
from wallet.session import events as event
from wallet.session import messages
from wallet.session.errors import LocalError
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
from wallet.session.payer_table import FOUND, MONEY, PAYER, Money, PayerCall, PayerInput, PayerState
from wallet.session.ports import Consideration, PayerPurse, PaymentSummary
from wallet.session.table import Waiting

T = TypeVar("T")
_ANSWERED: Final = (PayerState.ACKNOWLEDGED, PayerState.REFUSED)


class Payer:
    """Not for several threads at once. Nothing that is received makes it raise, save a purse that fails to answer."""

    def __init__(self, purse: PayerPurse) -> None:
        self._purse = purse
        self._machine = Machine(PAYER, self._call, self._note)
        self._events: list[event.PayerEvent] = []
        self._request: Signed[Request] | None = None
        self._contact: bytes | None = None
        self._consideration: Consideration | None = None
        self._amount = 0
        self._payment_id = b""
        self._found: PaymentSummary | None = None
        self._payment = b""
        self._ids: tuple[bytes, ...] = ()
        self._receipt: Receipt | None = None
        self._refusal: Refusal | None = None
        self._dropped_for = Code.DECLINED
        self._problem: bytes | None = None
        self._heard: PayerInput | None = None

    @classmethod
    def resume(cls, purse: PayerPurse, payment_id: bytes) -> Self:
        """The session of a payment that the purse knows. ``Refusal``: PAYMENT_UNKNOWN."""
        session = cls(purse)
        session._payment_id = payment_id
        session._machine.feed(PayerInput.RESUME)
        return session

    @property
    def state(self) -> PayerState:
        """State of the session, from ``payer_table``."""
        return self._machine.state

    @property
    def waiting(self) -> Waiting:
        """For whom this session waits; FOR_PERSON is the pending answer of a carrier that cannot wait."""
        return self._machine.waiting

    @property
    def money(self) -> Money:
        """Where the payer's money is now."""
        return MONEY[self.state]

    @property
    def request(self) -> Signed[Request] | None:
        """The request that this session is about, once it has one."""
        return self._request

    @property
    def contact(self) -> bytes | None:
        """The contact key that signed beside the request that was heard here; None where none did."""
        return self._contact

    @property
    def consideration(self) -> Consideration | None:
        """What the purse said when the request was heard here; None before, and of a payment that was resumed."""
        return self._consideration

    @property
    def payment_id(self) -> bytes | None:
        """The purse's name (16 bytes) for this payment, once it has one."""
        return self._payment_id or None

    def events(self) -> list[event.PayerEvent]:
        """Events since the last call, in order; each is given once."""
        happened, self._events = self._events, []
        return happened

    # what comes from outside

    def receive(self, heard: bytes | Heard) -> None:
        """One whole message, from anybody: its bytes, or what ``read_message`` made of them."""
        self._problem = None
        message = messages.read_message(heard)
        if isinstance(message, Unreadable):
            self._heard = PayerInput.UNREADABLE
            self._tell(message.refusal)
            self._machine.feed(self._heard)
            return
        self._heard = self._classify(message)
        if not self._machine.accepts(self._heard):
            self._tell(Refusal(Code.MESSAGE_UNEXPECTED, {"state": self.state.value}))
            return
        self._take(message)
        self._machine.feed(self._heard)

    def tick(self, now: int) -> None:
        """Tell the time (unix seconds, the wallet's). What was never signed is dropped once its request expired."""
        if self._request is not None and not is_good(now, self._request.body.expires):
            self._machine.feed(PayerInput.EXPIRY)

    def confirm(self, amount: int) -> None:
        """The person says yes to ``amount`` tiyn: reserve and sign. The purse says whether the amount will do."""
        self._machine.check(PayerInput.CONFIRM)
        is_settled = self.state in (PayerState.CONFIRMED, PayerState.RESERVED)
        if is_settled and amount != self._amount:
            raise LocalError(self.state.value, f"{PayerInput.CONFIRM.value} another amount")
        self._amount = amount
        self._local(PayerInput.CONFIRM)

    def decline(self) -> None:
        """The person says no. Possible until something is signed."""
        self._local(PayerInput.DECLINE)

    def show_again(self, payment_id: bytes) -> None:
        """Answer to ``AlreadyPaid``: this earlier payment, not a new one."""
        self._machine.check(PayerInput.SHOW_AGAIN)
        if self._consideration is None or payment_id not in (item.id for item in self._consideration.earlier):
            raise LocalError(self.state.value, f"{PayerInput.SHOW_AGAIN.value} another payment")
        self._payment_id = payment_id
        self._local(PayerInput.SHOW_AGAIN)

    def pay_anew(self) -> None:
        """Answer to ``AlreadyPaid``: one more payment; it is still to be confirmed."""
        self._local(PayerInput.PAY_ANEW)

    # what goes out

    def bytes_to_send(self) -> bytes | None:
        """The message to show now, as long as the state lasts; None while a person decides, and when it is over.

        The purse has noted that the payment is shown before its first byte is given out here.
        """
        self._machine.feed(PayerInput.SEND)
        if self.state is PayerState.SHOWN:
            return messages.payment_message(self._payment)
        if self.state is PayerState.DROPPED:
            return messages.encode(messages.problem_of(Refusal(self._dropped_for)))
        return None

    def reply(self) -> bytes | None:
        """What a two-way carrier sends back to the message just received; a one-way one shows ``bytes_to_send``.

        The problem with it, if there is one; the payment for a repeated request, even when it is over; nothing to
        a receipt or a problem, so that two sessions never answer each other for ever.
        """
        if self._problem is not None:
            return self._problem
        if self._heard in (PayerInput.RECEIPT, PayerInput.OTHER_RECEIPT, PayerInput.PROBLEM):
            return None
        standing = self.bytes_to_send()
        if self._heard is PayerInput.REQUEST and self.state in _ANSWERED:
            return messages.payment_message(self._payment)
        return standing

    # inside

    def _local(self, given: PayerInput) -> None:
        self._machine.check(given)
        self._problem = self._heard = None
        self._machine.feed(given)

    def _classify(self, message: Message) -> PayerInput:
        match message:
            case RequestMessage(request):
                is_first = self.state is PayerState.IDLE
                is_same = self._request is not None and request.id == self._request.id
                return PayerInput.REQUEST if is_first or is_same else PayerInput.OTHER_REQUEST
            case ReceiptMessage(receipt):
                is_ours = receipt.signed.body.transfers == self._ids
                return PayerInput.RECEIPT if is_ours else PayerInput.OTHER_RECEIPT
            case PaymentMessage():
                return PayerInput.PAYMENT
            case ProblemMessage():
                return PayerInput.PROBLEM

    def _take(self, message: Message) -> None:
        """Keep what the verb or the event of this message needs."""
        match message:
            case RequestMessage(request, attachments) if self.state is PayerState.IDLE:
                self._request, self._contact = request, contact_of(request, attachments)
            case ReceiptMessage(receipt) if self._heard is PayerInput.RECEIPT:
                self._receipt = receipt
            case ReceiptMessage():
                self._events.append(event.PassedOver())
            case ProblemMessage(code, facts):
                self._events.append(event.PeerProblem(code, facts))
            case _:
                pass

    def _tell(self, refusal: Refusal) -> None:
        """Their message is wrong: an event for us, a problem for them, unless it is a reply itself."""
        self._problem = messages.encode(messages.problem_of(refusal))
        self._events.append(event.MessageRefused(refusal.code, refusal.facts))

    def _call(self, verb: PayerCall) -> PayerInput:
        if verb is PayerCall.FIND:
            return self._find()
        try:
            return self._ask_purse(verb)
        except Refusal as refusal:
            self._refuse(verb, refusal)
            is_gone = (
                verb is PayerCall.SIGN and self._purse.summary(self._payment_id).state == PayerState.DROPPED
            )
            return PayerInput.IS_DROPPED if is_gone else PayerInput.PURSE_REFUSES

    def _refuse(self, verb: PayerCall, refusal: Refusal) -> None:
        if verb is PayerCall.ACKNOWLEDGE:
            self._tell(refusal)
            return
        self._refusal = refusal
        self._dropped_for = refusal.code
        if verb is PayerCall.CONSIDER:
            self._request = self._contact = None
            self._problem = messages.encode(messages.problem_of(refusal))

    def _ask_purse(self, verb: PayerCall) -> PayerInput:
        match verb:
            case PayerCall.CONSIDER:
                return self._consider()
            case PayerCall.RESERVE:
                return self._reserve()
            case PayerCall.SIGN:
                self._keep(self._purse.sign(self._payment_id))
                return PayerInput.IS_SIGNED
            case PayerCall.SHOW:
                self._purse.shown(self._payment_id)
                return PayerInput.IS_SHOWN
            case PayerCall.ACKNOWLEDGE:
                return self._acknowledge()
            case _:
                self._purse.drop(self._payment_id)
                return PayerInput.IS_DROPPED

    def _consider(self) -> PayerInput:
        self._consideration = self._purse.consider(self._known(self._request))
        if self._consideration.payment is not None:
            self._payment_id = self._consideration.payment
            return PayerInput.HAS_PAYMENT
        return PayerInput.MAY_BE_PAID if self._consideration.earlier else PayerInput.CONSIDERED

    def _reserve(self) -> PayerInput:
        """Anew only where the person was shown what went before; what was not confirmed here is never signed here."""
        is_anew = bool(self._known(self._consideration).earlier)
        self._payment_id = self._purse.reserve(
            self._known(self._request), self._amount, allow_second=is_anew, contact=self._contact
        )
        payment = self._purse.summary(self._payment_id)
        is_as_confirmed = payment.state == PayerState.RESERVED and payment.amount == self._amount
        return PayerInput.IS_RESERVED if is_as_confirmed else PayerInput.HAS_PAYMENT

    def _find(self) -> PayerInput:
        payment = self._purse.summary(self._payment_id)
        self._found, self._amount = payment, payment.amount
        self._request = self._purse.request(self._payment_id)
        state = PayerState(payment.state)
        if state is PayerState.SIGNED:
            self._keep(self._purse.sign(self._payment_id))
        elif state not in (PayerState.RESERVED, PayerState.DROPPED):
            self._keep(self._purse.show_again(self._payment_id))
        return FOUND[state]

    def _acknowledge(self) -> PayerInput:
        state = self._purse.acknowledge(self._payment_id, self._known(self._receipt))
        return PayerInput.IS_REFUSED if state == PayerState.REFUSED else PayerInput.IS_ACKNOWLEDGED

    def _keep(self, raw: bytes) -> None:
        self._payment, self._ids = raw, self._purse.transfers(self._payment_id)

    def _note(self, before: PayerState, given: PayerInput) -> None:
        if given in (PayerInput.DECLINE, PayerInput.EXPIRY):
            self._dropped_for = Code.DECLINED if given is PayerInput.DECLINE else Code.REQUEST_EXPIRED
        if self._refusal is not None:
            self._events.append(event.PurseRefused(self._refusal.code, self._refusal.facts, self.money))
            self._refusal = None
        happened = self._happened(before, given)
        if happened is not None:
            self._events.append(happened)

    def _happened(self, before: PayerState, given: PayerInput) -> event.PayerEvent | None:
        match given:
            case PayerInput.CONSIDERED | PayerInput.PAY_ANEW:
                return event.ConfirmationNeeded(self._known(self._consideration))
            case PayerInput.MAY_BE_PAID:
                return event.AlreadyPaid(self._known(self._consideration))
            case PayerInput.FOUND_RESERVED:
                return event.SignatureNeeded(self._known(self._found))
            case PayerInput.IS_SIGNED:
                return event.PaymentReady(self._payment_id)
            case _ if given in FOUND.values():
                return event.PaymentFound(self._known(self._found))
            case _:
                return self._ended(before)

    def _ended(self, before: PayerState) -> event.PayerEvent | None:
        if self.state is before:
            return None
        match self.state:
            case PayerState.DROPPED:
                return event.PaymentDropped(self._dropped_for)
            case PayerState.ACKNOWLEDGED:
                return event.PaymentAcknowledged(self._payment_id, self._known(self._receipt))
            case PayerState.REFUSED:
                receipt = self._known(self._receipt)
                return event.PaymentReturned(self._payment_id, self._known(receipt.signed.body.code), receipt)
            case _:
                return None

    @staticmethod
    def _known(value: T | None) -> T:
        """What the table says must be there by now."""
        assert value is not None
        return value
