"""What is confirmed with the PIN at the bank: the PIN is asked for within the screen, and goes with one attempt.

Rule: a PIN is typed while it is asked for and nothing is under way; whatever comes of the attempt, nothing of it stays.
"""

from __future__ import annotations

from app.engine.engine import Engine
from app.presenters.keypad import PinPad
from app.presenters.observed import V
from app.presenters.presenter import Presenter


class ConfirmingPresenter(Presenter[V]):
    """The view has ``pin_length``, None while no PIN is asked for."""

    def __init__(self, view: V, engine: Engine) -> None:
        super().__init__(view, engine)
        self._pin = PinPad()

    @property
    def _is_pin_asked(self) -> bool:
        return getattr(self.view, "pin_length", None) is not None

    def pin_press(self, key: str) -> None:
        if self._is_pin_asked and not self._is_busy:
            self._pin.press(key)
            self._show(pin_length=self._pin.length)

    def pin_erase(self) -> None:
        if self._is_pin_asked and not self._is_busy:
            self._pin.erase()
            self._show(pin_length=self._pin.length)

    def _ask_pin(self) -> None:
        self._pin = PinPad()
        self._show(pin_length=0, trouble=None)

    def _typed_pin(self) -> str | None:
        """The whole PIN, once: from now on its dots are gone. None while it is no PIN yet, or not asked for."""
        if not self._is_pin_asked or self._is_busy or not self._pin.is_enough:
            return None
        pin = self._pin.take()
        self._show(pin_length=0)
        return pin
