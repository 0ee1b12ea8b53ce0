"""A request from its making to the receipt, for one payee: what stands, and what came.

Rule: what came is told as it was judged. Money that is here already is never told as new, and a later refusal never
hides money that a request brought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from wallet.protocol.attachments import Attachment
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.session import Payee, PayeeState, events, messages
from wallet.session.messages import Heard, ReceiptMessage, RequestMessage
from wallet.session.ports import Received
from wallet.tapping import PayeeTap
from wallet.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Came:
    """A payment that came: what the purse says to it, and ``receipt``, the message to show for it. ``is_for_other``: to
    an earlier request than the one under way."""

    received: Received
    receipt: bytes
    is_for_other: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStatus:
    """A request as it stands, and what is new since the last time.

    ``message``: the request to show, None once it is not to be shown; ``answer``: what came for it, or for an earlier
    one. New: ``came``, every payment in its order; ``objections``, what strangers or the other side got wrong, which
    ends nothing, and that the request has expired.
    """

    request: Signed[Request]
    state: PayeeState
    message: bytes | None
    answer: Came | None = None
    came: tuple[Came, ...] = ()
    objections: tuple[Refusal, ...] = ()


class ReceiveFlow:
    """One request of ``wallet`` at a time, whatever carries its messages; each method says how it stands then.

    Not for several threads at once. ``tap`` is the same request behind a reader or a card.
    """

    def __init__(
        self, wallet: Wallet, request: Signed[Request], attachments: tuple[Attachment, ...] = ()
    ) -> None:
        """``request``: of this wallet, with what became of it; a printed one asks for its next payment.
        ``attachments``: what is shown beside it."""
        begin = Payee if request.body.is_printed else Payee.resume
        self._wallet = wallet
        self._attachments = attachments
        self.tap = PayeeTap(wallet.receiving, begin(wallet.receiving, request, attachments))
        self._new: set[tuple[bytes, ...]] = set()
        self._answer: Came | None = None
        self._came: list[Came] = []
        self._objections: list[Refusal] = []

    @classmethod
    def resume(cls, wallet: Wallet, ref: bytes) -> Self:
        """The request that was made before, with what became of it until now. ``Refusal``: REQUEST_UNKNOWN."""
        request = wallet.receiving.own_request(ref)
        if request is None:
            raise Refusal(Code.REQUEST_UNKNOWN, {"request": ref.hex()})
        flow = cls(wallet, request)
        flow.tap.session.tick(wallet.now())
        return flow

    @classmethod
    def of_incoming(cls, wallet: Wallet, incoming: bytes) -> Self:
        """The request of a payment that came in (its id, as in history), with what that very payment was answered.
        Raises ``Refusal`` as ``Receiving.answer_of``, and REQUEST_UNKNOWN."""
        received = wallet.receiving.answer_of(incoming)
        flow = cls.resume(wallet, received.request)
        flow.status()
        flow._answer = flow._as_came(received, received.request)
        return flow

    def ask_on(self) -> ReceiveStatus:
        """Ask with the same request again: it is printed, or what came was for another."""
        request = self.tap.session.request
        self.tap = PayeeTap(self._wallet.receiving, Payee(self._wallet.receiving, request, self._attachments))
        self._answer = None
        return self.status()

    def hear(self, heard: bytes | Heard) -> ReceiveStatus:
        """One whole message, from anybody: its bytes, or what ``read_message`` made of them."""
        self.tap.take(heard)
        return self.status()

    def tick(self, now: int) -> ReceiveStatus:
        """Tell the time (unix seconds, the wallet's): an expired request is shown no more."""
        self.tap.session.tick(now)
        return self.status()

    def cancel(self) -> ReceiveStatus:
        """Ask no more: it holds no room any more. A request that was answered meanwhile is not cancelled."""
        session = self.tap.session
        if session.state in (PayeeState.REQUESTING, PayeeState.EXPIRED):
            session.cancel()
            self._wallet.requests.cancel(request_ref(session.request))
        return self.status()

    @property
    def request_message(self) -> bytes:
        """The message that asks, whether it is still to be shown or not."""
        return messages.encode(RequestMessage(self.tap.session.request, self._attachments))

    def status(self) -> ReceiveStatus:
        """How it stands; what is new in it is told once."""
        for event in self.tap.events():
            self._note(event)
        came, objections = tuple(self._came), tuple(self._objections)
        self._came, self._objections = [], []
        session = self.tap.session
        return ReceiveStatus(
            request=session.request,
            state=session.state,
            message=self.request_message if session.state is PayeeState.REQUESTING else None,
            answer=self._answer,
            came=came,
            objections=objections,
        )

    def _note(self, event: events.PayeeEvent) -> None:
        match event:
            case events.PaymentReceived() | events.PaymentRepeated() | events.PaymentRefused():
                self._note_payment(event, self._as_came(event.received, event.request_ref))
            case events.MessageRefused() | events.PeerProblem():
                self._objections.append(Refusal(event.code, event.facts))
            case events.RequestExpired():
                expires = self.tap.session.request.body.expires
                self._objections.append(
                    Refusal(Code.REQUEST_EXPIRED, {"time": self._wallet.now(), "expires": expires})
                )
            case events.RequestCancelled():
                pass

    def _note_payment(self, event: events.PayeeEvent, came: Came) -> None:
        self._came.append(came)
        transfers = came.received.receipt.signed.body.transfers
        match event:
            case events.PaymentReceived():
                self._new.add(transfers)
                self._answer = came
            case events.PaymentRepeated() if transfers in self._new:
                """The same payment shown to this request once more: what it said stands."""
            case events.PaymentRefused() if self._has_money and not self.tap.session.request.body.is_printed:
                if came.received.code is not None:
                    self._objections.append(Refusal(came.received.code))
            case _:
                # At a printed code the next payer stands there.
                self._answer = came

    @property
    def _has_money(self) -> bool:
        return self._answer is not None and self._answer.received.code is None

    def _as_came(self, received: Received, ref: bytes) -> Came:
        receipt = messages.encode(ReceiptMessage(received.receipt))
        return Came(received, receipt, ref != request_ref(self.tap.session.request))
