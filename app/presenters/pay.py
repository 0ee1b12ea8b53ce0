"""Paying: whom, how much, a PIN, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.engine.engine import Engine, Work
from app.engine.troubles import trouble_of
from app.engine.values import TapStep, Trouble
from app.presenters.carrying import CarryingPresenter, Tapping
from app.presenters.keypad import PinPad, amount_of, pressed
from app.presenters.party import party_of
from app.presenters.views.carrying import Carrier, Shown
from app.presenters.views.pay import Earlier, PayStep, PayView
from wallet.flow import PayFlow, PayStatus
from wallet.protocol.codes import Code
from wallet.session import Money, PayerState
from wallet.session.ports import PaymentSummary
from wallet.transport.nfc.ports import TappedWallet

_STEPS: Final = {
    PayerState.IDLE: PayStep.SEEK,
    PayerState.REQUESTED: PayStep.ASKED,
    PayerState.PAID_BEFORE: PayStep.ASKED,
    PayerState.CONFIRMED: PayStep.ASKED,
    PayerState.RESERVED: PayStep.ASKED,
    PayerState.SIGNED: PayStep.SHOWING,
    PayerState.SHOWN: PayStep.SHOWING,
    PayerState.ACKNOWLEDGED: PayStep.PAID,
    PayerState.REFUSED: PayStep.RETURNED,
    PayerState.DROPPED: PayStep.DROPPED,
}


@dataclass(slots=True)
class _Visit:
    """One visit of the screen: its payment, once there is one. It belongs to the worker's thread."""

    flow: PayFlow | None = None

    def of(self, work: Work) -> PayFlow:
        if self.flow is None:
            self.flow = PayFlow(work.wallet)
        return self.flow


_UNSIGNED: Final = (PayStep.ASKED, PayStep.PIN)


class PayPresenter(CarryingPresenter[PayView]):
    """Only PAID says that the payee has the money; SHOWING says that nothing was confirmed yet."""

    def __init__(self, engine: Engine, tapping: Tapping) -> None:
        super().__init__(PayView(), engine, tapping)
        self._pin = PinPad()
        self._here = _Visit()

    # finding whom to pay

    def begin(self) -> None:
        """The screen opens: look for a request."""
        if self.view.carrier is Carrier.TAP:
            self._tap()

    def resume(self, payment_id: bytes) -> None:
        """A payment that was made before, where it is."""
        self.leave()
        here = self._here

        def job(work: Work) -> PayStatus:
            here.flow = PayFlow.resume(work.wallet, payment_id)
            return here.flow.status()

        self._run("app_pay.looking", job, self._resumed)

    def _resumed(self, status: PayStatus) -> None:
        self._stand(status)
        self.begin()

    def _heard(self, message: bytes) -> None:
        self._do("app_pay.checking", lambda flow, work: flow.hear(message), self._unheard)

    def _unheard(self, trouble: Trouble) -> None:
        """The wallet gave no answer: the same may be shown again."""
        self._look_anew()
        self._fail(trouble)

    # deciding

    def press(self, key: str) -> None:
        self._type(pressed(self.view.typed, key))

    def erase(self) -> None:
        self._type(self.view.typed[:-1])

    def _type(self, typed: str) -> None:
        view = self.view
        is_typed_here = view.ceiling is not None and view.money is Money.UNTOUCHED
        if view.step is PayStep.ASKED and is_typed_here and not self._is_busy:
            self._show(typed=typed, amount=amount_of(typed) or None, alike=(), trouble=None)

    def accept(self) -> None:
        """Yes: the PIN is asked for; and with the PIN typed, yes to that: sign."""
        if self._is_busy:
            return
        if self.view.step is PayStep.PIN:
            self._sign()
        elif self.view.step is PayStep.ASKED and not self.view.earlier:
            self._agree()

    def _agree(self) -> None:
        amount = self.view.amount
        if amount is None:
            self._fail(Trouble(Code.AMOUNT_INVALID))
            return

        def agreed(status: PayStatus) -> None:
            alike = _earlier(status.alike)
            if alike and alike != self.view.alike:
                # Of an amount that was typed here: the person sees the warning, and says yes to that.
                self._show(alike=alike)
                return
            self._pin = PinPad()
            self._show(step=PayStep.PIN, pin_length=0)

        self._do("app_pay.checking", lambda flow, work: flow.consider(amount), then=agreed)

    def pin_press(self, key: str) -> None:
        if self.view.step is PayStep.PIN and not self._is_busy and self.view.wait_until is None:
            self._pin.press(key)
            self._show(pin_length=self._pin.length)

    def pin_erase(self) -> None:
        self._pin.erase()
        self._show(pin_length=self._pin.length)

    def _sign(self) -> None:
        amount = self.view.amount
        if amount is None or not self._pin.is_enough or self.view.wait_until is not None:
            return
        pin = self._pin.take()
        self._show(step=PayStep.SIGNING, pin_length=0)
        self._do(
            "app_pay.signing",
            lambda flow, work: flow.confirm(amount, lambda: work.keystore.confirm_pin(pin)),
            self._not_signed,
        )

    def _not_signed(self, trouble: Trouble) -> None:
        """A wrong PIN is typed again; after anything else the person decides again, by what is true now."""
        until = trouble.facts.get("until")
        if trouble.code.startswith("pin_"):
            self._show(
                step=PayStep.PIN, trouble=trouble, wait_until=until if isinstance(until, int) else None
            )
            return

        def told(status: PayStatus) -> None:
            self._show(step=PayStep.ASKED)
            self._stand(status)
            self._fail(trouble)

        self._do("app_pay.looking", lambda flow, work: flow.status(), then=told)

    def decline(self) -> None:
        """No. Possible until something is signed."""
        if self.view.step in _UNSIGNED and not self._is_busy:
            self._pin = PinPad()
            self._do("app_pay.looking", lambda flow, work: flow.decline())

    def show_earlier(self, id: bytes) -> None:  # noqa: A002
        """A printed code that was paid before: that payment again."""
        self._do("app_pay.looking", lambda flow, work: flow.show_again(id))

    def pay_anew(self) -> None:
        """A printed code that was paid before: one more payment, still to be confirmed."""
        self._do("app_pay.looking", lambda flow, work: flow.pay_anew())

    # leaving, and time

    def leave(self) -> None:
        """Off this screen. What is signed stays the payee's and can be gone on with; what is not, is kept unsigned."""
        self._stop_taps()
        self._leave()
        self._here = _Visit()
        self._pin = PinPad()
        self._frames.reset()
        new = PayView(carrier=self.view.carrier, scanning=self.view.scanning)
        self._show(**{name: getattr(new, name) for name in PayView.__dataclass_fields__})

    def tick(self, now: int) -> None:
        """Every second: what was never signed is dropped once its request has expired."""
        view = self.view
        if view.step is PayStep.SEEK:
            self._tick_tap(now)
        if view.wait_until is not None and now >= view.wait_until:
            self._show(wait_until=None, trouble=None)
        if view.step in _UNSIGNED and view.expires is not None and now > view.expires and not self._is_busy:
            self._do("app_pay.looking", lambda flow, work: flow.tick(now))

    # the worker's side

    def _do(
        self,
        step: str,
        ask: Callable[[PayFlow, Work], PayStatus],
        failed: Callable[[Trouble], None] | None = None,
        then: Callable[[PayStatus], None] | None = None,
    ) -> None:
        here = self._here
        self._run(step, lambda work: ask(here.of(work), work), then or self._stand, failed)

    def _ends(self) -> tuple[Callable[[], TappedWallet], Callable[[], None]]:
        here, engine = self._here, self._engine

        def flow() -> PayFlow:
            return here.of(engine.work())

        return lambda: flow().tap, self._telling(lambda: flow().status(), self._stand)

    def _stand(self, status: PayStatus) -> None:
        """How the payment stands. While the person types a PIN or the wallet signs, a tap's news change nothing."""
        step = _STEPS[status.state]
        before = self.view
        is_deciding = before.step in (PayStep.PIN, PayStep.SIGNING)
        if step is PayStep.ASKED and is_deciding and _news(status) is None:
            return
        typed = self.view.typed if step is PayStep.ASKED else ""
        is_open = status.amount is None and step is PayStep.ASKED
        body = None if status.request is None else status.request.body
        known, is_answered = status.payment, step in (PayStep.PAID, PayStep.RETURNED)
        self._show(
            step=step,
            party=None if body is None else party_of(body.payee.body),
            amount=amount_of(typed) or None if is_open else status.amount,
            ceiling=body.amount if body is not None and body.is_open else None,
            typed=typed,
            memo="" if body is None else body.memo,
            expires=None if body is None else body.expires,
            room=status.room,
            earlier=_earlier(status.earlier),
            alike=_earlier(status.alike),
            pin_length=0,
            shown=None if status.message is None else Shown(status.message, False),
            receipt_at=known.changed if known is not None and is_answered else None,
            money=status.money,
            trouble=_trouble(status) or (before.trouble if step is before.step else None),
        )
        if step not in (PayStep.SEEK, PayStep.ASKED):
            self._decided()
        if step is PayStep.SHOWING and is_deciding and self.view.tap in (TapStep.WAITING, TapStep.NOBODY):
            self._show(tap=TapStep.TAP_AGAIN)


def _earlier(payments: Sequence[PaymentSummary]) -> tuple[Earlier, ...]:
    return tuple(Earlier(item.id, item.amount, item.at) for item in payments)


def _trouble(status: PayStatus) -> Trouble | None:
    return _news(status) if status.ended is None else Trouble(status.ended)


def _news(status: PayStatus) -> Trouble | None:
    """What went wrong last, here or there."""
    wrong = status.refused or next(reversed(status.objections), None)
    return None if wrong is None else trouble_of(wrong)
