"""A request under way, in the worker's thread: the payee's session, whatever carries its messages.

Rule: what came is told as it was judged; money that is here already is never told as new.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.engine.engine import Work
from app.presenters.views import Trouble
from app.wallets.doing import doing
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.purse.receiving import Receiving
from wallet.purse.requests import Requests
from wallet.session import Payee, PayeeState, events, messages
from wallet.session.messages import RequestMessage
from wallet.session.ports import Received
from wallet.tapping import PayeeTap
from wallet.transport.qr.picture import STATIC_CHUNK, Correction, write_png


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask for: tiyn, or at most so many."""

    amount: int
    is_open: bool
    is_printed: bool
    memo: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A payment that came. ``is_for_other``: to an earlier request; ``receipt``: the message to show for it."""

    received: Received
    is_for_other: bool
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """How a request stands. ``request`` is its message, None once it is not to be shown; ``trouble`` what the other
    side did wrong since the last time."""

    body: Request
    ref: bytes
    state: PayeeState
    request: bytes | None
    answered: Answered | None
    trouble: Trouble | None

    @property
    def fits_one_code(self) -> bool:
        """Whether the request goes into one picture, as paper wants it."""
        return self.request is not None and len(self.request) <= STATIC_CHUNK


class PayeeDesk:
    """One request at a time. All methods belong to the worker's thread; each says how the request stands then."""

    def __init__(
        self, receiving: Receiving, requests: Requests, request: Signed[Request], *, anew: bool
    ) -> None:
        self._receiving, self._requests = receiving, requests
        payee = Payee(receiving, request) if anew else Payee.resume(receiving, request)
        self.tap = PayeeTap(receiving, payee)
        self._new: set[tuple[bytes, ...]] = set()
        self._answered: Answered | None = None
        self._trouble: Trouble | None = None

    @classmethod
    def ask(cls, work: Work, wanted: Wanted) -> PayeeDesk:
        """Raises ``Refusal`` as ``Receiving.request``."""
        receiving = work.wallet.receiving
        with doing("ask"):
            request = receiving.request(
                wanted.amount, is_open=wanted.is_open, memo=wanted.memo, printed=wanted.is_printed
            )
        return cls(receiving, work.wallet.requests, request, anew=True)

    @classmethod
    def resume(cls, work: Work, ref: bytes) -> PayeeDesk:
        """The request that was made before, with what became of it. ``Refusal``: REQUEST_UNKNOWN."""
        receiving = work.wallet.receiving
        request = receiving.own_request(ref)
        if request is None:
            raise Refusal(Code.REQUEST_UNKNOWN, {"request": ref.hex()})
        desk = cls(receiving, work.wallet.requests, request, anew=request.body.is_printed)
        desk.tap.session.tick(work.wallet.now())
        return desk

    @classmethod
    def of_incoming(cls, work: Work, incoming: bytes) -> PayeeDesk:
        """The request of a payment that came in, with what that very payment was answered. Raises ``Refusal`` as
        ``Receiving.answer_of``, and REQUEST_UNKNOWN."""
        received = work.wallet.receiving.answer_of(incoming)
        desk = cls.resume(work, received.request)
        desk.standing()
        desk._answered = desk._as_answered(received, received.request)
        return desk

    def ask_on(self) -> Asking:
        """Ask with the same request again: it is printed, or what came was for another."""
        self.tap = PayeeTap(self._receiving, Payee(self._receiving, self.tap.session.request))
        self._answered = None
        return self.standing()

    def hear(self, message: bytes) -> Asking:
        """A whole message, from anybody."""
        self.tap.take(message)
        return self.standing()

    def tick(self, now: int) -> Asking:
        self.tap.session.tick(now)
        return self.standing()

    def cancel(self) -> Asking:
        """Ask no more. A request that was answered meanwhile is not cancelled."""
        if self.tap.session.state in (PayeeState.REQUESTING, PayeeState.EXPIRED):
            self.tap.session.cancel()
            self._requests.cancel(request_ref(self.tap.session.request))
        return self.standing()

    def write(self, path: Path) -> None:
        """The request as a picture to be printed."""
        write_png(self._message(), path, correction=Correction.PRINT)

    def _message(self) -> bytes:
        return messages.encode(RequestMessage(self.tap.session.request))

    def standing(self) -> Asking:
        for event in self.tap.session.events():
            self._note(event)
        session, trouble = self.tap.session, self._trouble
        self._trouble = None
        is_asked = session.state is PayeeState.REQUESTING
        return Asking(
            session.request.body,
            request_ref(session.request),
            session.state,
            self._message() if is_asked else None,
            self._answered,
            trouble,
        )

    def _note(self, event: events.PayeeEvent) -> None:
        match event:
            case events.PaymentReceived():
                self._new.add(event.received.receipt.signed.body.transfers)
                self._answered = self._as_answered(event.received, event.request_ref)
            case events.PaymentRepeated():
                # The same payment shown to this screen once more: what it said stands.
                if event.received.receipt.signed.body.transfers not in self._new:
                    self._answered = self._as_answered(event.received, event.request_ref)
            case events.PaymentRefused():
                self._note_refused(event)
            case events.MessageRefused() | events.PeerProblem():
                self._trouble = Trouble(event.code, event.facts)
            case events.RequestExpired():
                self._trouble = Trouble(
                    Code.REQUEST_EXPIRED, {"expires": self.tap.session.request.body.expires}
                )
            case events.RequestCancelled():
                pass

    def _note_refused(self, event: events.PaymentRefused) -> None:
        """A refusal never hides money that this request brought; at a printed code the next payer stands there."""
        code = event.received.code
        if self._has_money and not self.tap.session.request.body.is_printed and code is not None:
            self._trouble = Trouble(code)
        else:
            self._answered = self._as_answered(event.received, event.request_ref)

    @property
    def _has_money(self) -> bool:
        return self._answered is not None and self._answered.received.code is None

    def _as_answered(self, received: Received, ref: bytes) -> Answered:
        receipt = messages.encode(messages.ReceiptMessage(received.receipt))
        return Answered(received, ref != request_ref(self.tap.session.request), receipt)
