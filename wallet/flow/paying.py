"""A payment from the request to the receipt, for one payer and their person: what stands, and what is to be decided.

Rule: nothing is signed before the PIN was checked, and nothing counts as paid before the payee's receipt. Whoever may
be about to pay a second time is told so before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.purse.store.payments import PaymentSummary
from wallet.purse.view.outlook import Allowance
from wallet.session import Money, Payer, PayerState, events
from wallet.session.messages import Heard
from wallet.session.ports import PaymentSummary as Known
from wallet.tapping import PayerTap
from wallet.wallet import Wallet

PinGate = Callable[[], None]
"""Checks the PIN, by ``Keystore.confirm_pin``; raises ``KeystoreError``: PIN_WRONG, PIN_BLOCKED."""
_SIGNED: Final = (PayerState.SIGNED, PayerState.SHOWN, PayerState.ACKNOWLEDGED, PayerState.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayStatus:
    """A payment as it stands, and what is new since the last time.

    ``amount`` (tiyn) None while it is open, up to the request's; ``contact``: the key that signed beside the request;
    ``room``: what the limits leave; ``earlier``: payments to the same printed code, to show again or to pay anew;
    ``alike``: as much signed for the same payee by another request, and answered by nobody, to be warned of;
    ``payment``: as the purse knows it, once it does, and ``is_found`` if it did before; ``message``: what to show to
    the payee, from the signature on. ``ended``: why it was dropped or returned, None where the person here said no.

    New: ``refused``, what this wallet did not do; ``objections``, what strangers or the other side got wrong, which
    ends nothing; ``answered``, payments that have their receipt now, this one or another.
    """

    state: PayerState
    money: Money
    request: Signed[Request] | None = None
    contact: bytes | None = None
    amount: int | None = None
    room: Allowance | None = None
    earlier: Sequence[Known] = ()
    alike: Sequence[Known] = ()
    payment: PaymentSummary | None = None
    is_found: bool = False
    message: bytes | None = None
    ended: Code | None = None
    refused: Refusal | None = None
    objections: tuple[Refusal, ...] = ()
    answered: tuple[PaymentSummary, ...] = ()


class PayFlow:
    """One payment of ``wallet`` at a time, whatever carries its messages; each method says how it stands then.

    Not for several threads at once. ``tap`` is the same payment behind a reader or a card.
    """

    def __init__(self, wallet: Wallet, session: Payer | None = None) -> None:
        self._wallet = wallet
        self._purse = wallet.paying
        self.tap = PayerTap(self._purse, session)
        self._alike: tuple[PaymentSummary, ...] | None = None
        self._ended: Code | None = None
        self._is_own_no = False
        self._is_found = False
        self._refused: Refusal | None = None
        self._objections: list[Refusal] = []
        self._answered: list[PaymentSummary] = []
        self._room_in: tuple[PayerState, Allowance | None] | None = None

    @classmethod
    def resume(cls, wallet: Wallet, payment: bytes) -> Self:
        """A payment (its id, 16 bytes) of this purse, where it is. ``Refusal``: PAYMENT_UNKNOWN."""
        flow = cls(wallet, Payer.resume(wallet.paying, payment))
        flow.tap.session.tick(wallet.now())
        return flow

    def hear(self, heard: bytes | Heard) -> PayStatus:
        """One whole message, from anybody: its bytes, or what ``read_message`` made of them."""
        self.tap.take(heard)
        return self.status()

    def consider(self, amount: int) -> PayStatus:
        """Every check that can be made of an open amount (tiyn) before the PIN; ``alike`` is then about it. Raises
        ``Refusal`` as ``Paying.consider``."""
        session = self.tap.session
        if session.request is not None and session.state is PayerState.REQUESTED:
            self._alike = self._purse.consider(session.request, amount).alike
        return self.status()

    def confirm(self, amount: int, gate: PinGate) -> PayStatus:
        """The person says yes to ``amount`` tiyn: check the PIN, reserve, sign. What ``gate`` raises; then nothing was
        done. ``LocalError`` where there is nothing to confirm."""
        gate()
        self.tap.session.confirm(amount)
        return self.status()

    def decline(self) -> PayStatus:
        """The person says no; possible until something is signed."""
        self.tap.session.decline()
        self._is_own_no = True
        return self.status()

    def show_again(self, payment: bytes) -> PayStatus:
        """One of ``earlier`` to the same printed code, or one that was warned of (``alike``), instead of a new one.
        ``LocalError`` for any other."""
        session = self.tap.session
        if payment in (item.id for item in self._warned(session)):
            self._note_all()
            self.tap.session = Payer.resume(self._purse, payment)
        else:
            session.show_again(payment)
        return self.status()

    def pay_anew(self) -> PayStatus:
        """One more payment to the same printed code, still to be confirmed."""
        self.tap.session.pay_anew()
        return self.status()

    def tick(self, now: int) -> PayStatus:
        """Tell the time (unix seconds, the wallet's): what was never signed is dropped once its request has expired."""
        self.tap.session.tick(now)
        return self.status()

    def status(self) -> PayStatus:
        """How it stands; what is new in it is told once."""
        self._note_all()
        session = self.tap.session
        refused, objections, answered = self._refused, tuple(self._objections), tuple(self._answered)
        self._refused, self._objections, self._answered = None, [], []
        if session.request is None:
            return PayStatus(
                state=session.state,
                money=session.money,
                room=self._room(),
                refused=refused,
                objections=objections,
                answered=answered,
            )
        known = None if session.payment_id is None else self._purse.summary(session.payment_id)
        considered = session.consideration
        body = session.request.body
        asked = None if body.is_open else body.amount
        return PayStatus(
            state=session.state,
            money=session.money,
            request=session.request,
            contact=session.contact,
            amount=asked if known is None else known.amount,
            room=self._room(),
            earlier=()
            if considered is None or session.state is not PayerState.PAID_BEFORE
            else considered.earlier,
            alike=self._warned(session),
            payment=known,
            is_found=self._is_found,
            message=self.tap.to_send() if session.state in _SIGNED else None,
            ended=self._why(session, known),
            refused=refused,
            objections=objections,
            answered=answered,
        )

    def _warned(self, session: Payer) -> Sequence[Known]:
        if session.state is not PayerState.REQUESTED or session.consideration is None:
            return ()
        return session.consideration.alike if self._alike is None else self._alike

    def _why(self, session: Payer, known: PaymentSummary | None) -> Code | None:
        if session.state is PayerState.REFUSED and known is not None:
            return known.code
        if session.state is not PayerState.DROPPED or self._is_own_no:
            return None
        return self._ended or Code.DECLINED

    def _room(self) -> Allowance | None:
        """Looked up once a state: a tap asks how things stand many times a second."""
        state = self.tap.session.state
        if self._room_in is None or self._room_in[0] is not state:
            self._room_in = state, self._wallet.room()
        return self._room_in[1]

    def _note_all(self) -> None:
        for event in self.tap.events():
            self._note(event)

    def _note(self, event: events.PayerEvent) -> None:
        match event:
            case events.PaymentDropped():
                self._ended = event.code
            case events.PurseRefused():
                self._refused = Refusal(event.code, event.facts)
            case events.MessageRefused() | events.PeerProblem():
                self._objections.append(Refusal(event.code, event.facts))
            case events.PaymentFound() if event.payment.id == self.tap.session.payment_id:
                self._is_found = True
            case events.PaymentAcknowledged() | events.PaymentReturned():
                self._answered.append(self._purse.summary(event.payment_id))
                self._turn_to(event.payment_id)
            case _:
                pass

    def _turn_to(self, payment: bytes) -> None:
        """A receipt of an earlier payment, while nothing else is under way: that one is what this is about."""
        if self.tap.session.state is PayerState.IDLE:
            self.tap.session = Payer.resume(self._purse, payment)
