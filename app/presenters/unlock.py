"""Unlocking: a PIN, and a wait that grows."""

from __future__ import annotations

from app.engine.engine import Engine, Work
from app.engine.values import Trouble
from app.presenters.keypad import PinPad
from app.presenters.presenter import Presenter
from app.presenters.views.gate import UnlockView
from app.wallets.opened import OpenWallet


class UnlockPresenter(Presenter[UnlockView]):
    """``is_open`` once the wallet is open."""

    def __init__(self, engine: Engine, holder: str) -> None:
        super().__init__(UnlockView(holder=holder), engine)
        self._pin = PinPad()

    def press(self, key: str) -> None:
        if self.view.wait_until is None and not self._is_busy:
            self._pin.press(key)
            self._show(pin_length=self._pin.length)

    def erase(self) -> None:
        self._pin.erase()
        self._show(pin_length=self._pin.length)

    def submit(self) -> None:
        if self._is_busy or self.view.wait_until is not None or not self._pin.is_enough:
            return
        pin = self._pin.take()
        self._show(pin_length=0)

        def job(work: Work) -> OpenWallet:
            return self._engine.open(pin)

        self._run("app_start.opening", job, self._opened, self._refused)

    def _opened(self, opened: OpenWallet) -> None:
        self._show(is_open=True, tries_left=None, wait_until=None, holder=opened.profile.name)

    def _refused(self, trouble: Trouble) -> None:
        left, until = trouble.facts.get("tries_left"), trouble.facts.get("until")
        self._show(
            trouble=trouble,
            tries_left=left if isinstance(left, int) else None,
            wait_until=until if isinstance(until, int) else None,
        )

    def tick(self, now: int) -> None:
        """The wait is over when its time has come."""
        if self.view.wait_until is not None and now >= self.view.wait_until:
            self._show(wait_until=None, trouble=None)
