"""A lost phone, reported from this one: what lies on the account's other devices, when it comes back, and
shutting them out."""

from __future__ import annotations

from dataclasses import fields

from app.engine.engine import Engine, Work
from app.presenters.confirming import ConfirmingPresenter
from app.presenters.keypad import PinPad
from app.presenters.views.ledger import LostView
from ledger_sync.client.bank import Loss


class LostPresenter(ConfirmingPresenter[LostView]):
    """Nothing is reported without the PIN; again is success."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(LostView(), engine)

    def refresh(self) -> None:
        self._run("app_lost.looking", _looked, self._looked, calls=True)

    def _looked(self, loss: Loss) -> None:
        self._show(amount=loss.amount, until=loss.until, is_alone=loss.devices == 0)

    def begin(self) -> None:
        """The PIN is asked for, once it is known what this is about, and that there is another device to report."""
        if self.view.amount is not None and not self.view.is_alone and not self._is_busy:
            self._ask_pin()

    def cancel(self) -> None:
        self._pin = PinPad()
        self._show(pin_length=None, trouble=None)

    def report(self) -> None:
        pin = self._typed_pin()
        if pin is not None:
            self._run("app_lost.reporting", lambda work: _reported(work, pin), self._reported, calls=True)

    def _reported(self, _: None) -> None:
        self._show(is_reported=True, pin_length=None)

    def forget(self) -> None:
        """The next visit asks anew."""
        if not self._is_busy:
            self._pin = PinPad()
            fresh = LostView()
            self._show(**{item.name: getattr(fresh, item.name) for item in fields(fresh)})


def _looked(work: Work) -> Loss:
    with work.bank() as bank:
        return bank.loss()


def _reported(work: Work, pin: str) -> None:
    with work.bank() as bank:
        work.keystore.confirm_pin(pin)
        bank.report_loss(is_here=True)
