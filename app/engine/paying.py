"""A payment under way, in the worker's thread: the payer's session, whatever carries its messages.

Rule: nothing is signed here before the PIN was checked, and nothing counts as paid before the payee's receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.engine.engine import Work
from app.presenters.views import Earlier, Party, Room, Trouble
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.purse.payments import UNANSWERED, PaymentSummary
from wallet.session import Money, Payer, PayerState, events
from wallet.tapping import PayerTap

_ANSWERED: Final = (PayerState.ACKNOWLEDGED, PayerState.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """How a payment stands. ``amount`` None while it is open, of at most ``ceiling``; ``payment`` is its message from
    the signature on; ``ended``: why it was dropped or returned, None where the person here said no; ``trouble``: what
    else went wrong since last time."""

    state: PayerState
    money: Money
    party: Party | None = None
    amount: int | None = None
    ceiling: int | None = None
    memo: str = ""
    expires: int | None = None
    room: Room | None = None
    earlier: tuple[Earlier, ...] = ()
    alike: tuple[Earlier, ...] = ()
    payment: bytes | None = None
    receipt_at: int | None = None
    ended: Code | None = None
    trouble: Trouble | None = None


def party_of(certificate: Certificate) -> Party:
    is_merchant = certificate.kind is WalletKind.MERCHANT
    return Party(
        certificate.name if is_merchant else "",
        certificate.wallet,
        certificate.bank,
        is_merchant,
        certificate.category or 0,
    )


class PayerDesk:
    """One payment at a time. All methods belong to the worker's thread; each says how the payment stands then."""

    def __init__(self, work: Work, session: Payer | None = None) -> None:
        self._wallet = work.wallet
        self._purse = work.wallet.paying
        self.tap = PayerTap(self._purse, session)
        self._ended: Code | None = None
        self._is_own_no = False
        self._trouble: Trouble | None = None
        self._room_in: tuple[PayerState, Room | None] | None = None

    @classmethod
    def resume(cls, work: Work, payment: bytes) -> PayerDesk:
        """A payment of this purse, where it is. ``Refusal``: PAYMENT_UNKNOWN."""
        desk = cls(work, Payer.resume(work.wallet.paying, payment))
        desk.tap.session.tick(work.wallet.now())
        return desk

    def hear(self, message: bytes) -> Paying:
        """A whole message, from anybody."""
        self.tap.take(message)
        return self.standing()

    def consider(self, amount: int) -> Paying:
        """Every check that can be made of an open amount before the PIN. Raises ``Refusal`` as ``Paying.consider``."""
        request = self.tap.session.request
        if request is not None and self.tap.session.state is PayerState.REQUESTED:
            self._purse.consider(request, amount)
        return self.standing()

    def confirm(self, work: Work, amount: int, pin: str) -> Paying:
        """Check the PIN, reserve, sign. ``KeystoreError``: PIN_WRONG, PIN_BLOCKED; then nothing was done."""
        work.keystore.confirm_pin(pin)
        self.tap.session.confirm(amount)
        return self.standing()

    def decline(self) -> Paying:
        self.tap.session.decline()
        self._is_own_no = True
        return self.standing()

    def show_again(self, payment: bytes) -> Paying:
        self.tap.session.show_again(payment)
        return self.standing()

    def pay_anew(self) -> Paying:
        self.tap.session.pay_anew()
        return self.standing()

    def tick(self, now: int) -> Paying:
        self.tap.session.tick(now)
        return self.standing()

    def standing(self) -> Paying:
        earlier: tuple[Earlier, ...] = ()
        for event in self.tap.events():
            self._note(event)
        session, trouble = self.tap.session, self._trouble
        self._trouble = None
        if session.state is PayerState.PAID_BEFORE and session.request is not None:
            found = self._purse.consider(session.request).earlier
            earlier = tuple(Earlier(item.id, item.amount, item.at) for item in found)
        known = None if session.payment_id is None else self._purse.summary(session.payment_id)
        return self._paying(session, known, earlier, trouble)

    def _paying(
        self,
        session: Payer,
        known: PaymentSummary | None,
        earlier: tuple[Earlier, ...],
        trouble: Trouble | None,
    ) -> Paying:
        if session.request is None:
            return Paying(state=session.state, money=session.money, room=self._room(), trouble=trouble)
        body = session.request.body
        asked = None if body.is_open else body.amount
        is_signed = session.state in (PayerState.SIGNED, PayerState.SHOWN, *_ANSWERED)
        return Paying(
            state=session.state,
            money=session.money,
            party=party_of(body.payee.body),
            amount=asked if known is None else known.amount,
            ceiling=body.amount if body.is_open else None,
            memo=body.memo,
            expires=body.expires,
            room=self._room(),
            earlier=earlier,
            alike=self._alike(session.request, asked) if session.state is PayerState.REQUESTED else (),
            payment=self.tap.to_send() if is_signed else None,
            receipt_at=known.changed if known is not None and session.state in _ANSWERED else None,
            ended=self._why(session, known),
            trouble=trouble,
        )

    def _alike(self, request: Signed[Request], asked: int | None) -> tuple[Earlier, ...]:
        """Payments of this amount to this payee, by another request still good, that neither payee nor ledger answered:
        the payee may ask anew for what was signed a moment ago and never arrived."""
        found = [
            item
            for item in self._wallet.unfinished()
            if item.amount == asked
            and item.payee.wallet == request.body.payee.body.wallet
            and item.request != request_ref(request)
            and item.state in UNANSWERED
            and self._purse.request(item.id).body.expires >= self._wallet.now()
        ]
        return tuple(Earlier(item.id, item.amount, item.at) for item in found)

    def _why(self, session: Payer, known: PaymentSummary | None) -> Code | None:
        if session.state is PayerState.REFUSED and known is not None:
            return known.code
        if session.state is not PayerState.DROPPED or self._is_own_no:
            return None
        return self._ended or Code.DECLINED

    def _room(self) -> Room | None:
        """Looked up once a state: a tap asks how things stand many times a second."""
        state = self.tap.session.state
        if self._room_in is None or self._room_in[0] is not state:
            room = self._wallet.room()
            self._room_in = state, None if room is None else Room(room.spendable, room.payment, room.total)
        return self._room_in[1]

    def _note(self, event: events.PayerEvent) -> None:
        match event:
            case events.PaymentDropped():
                self._ended = event.code
            case events.PurseRefused() | events.MessageRefused() | events.PeerProblem():
                self._trouble = Trouble(event.code, event.facts)
            case events.PaymentAcknowledged() | events.PaymentReturned():
                self._turn_to(event.payment_id)
            case _:
                pass

    def _turn_to(self, payment: bytes) -> None:
        """A receipt of an earlier payment, while nothing else is under way: that one is what this is about."""
        if self.tap.session.state is PayerState.IDLE:
            self.tap.session = Payer.resume(self._purse, payment)
