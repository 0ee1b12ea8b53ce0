"""Settings, kept beside the wallet and applied live; and changing the PIN."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeVar

from app.catalogue import LANGUAGES, chosen_language
from app.engine.engine import Engine, Work
from app.engine.json_file import JsonFile
from app.engine.troubles import AppCode
from app.engine.values import Trouble
from app.presenters.keypad import PinPad
from app.presenters.presenter import Presenter
from app.presenters.views.settings import Look, Pace, PinStep, SettingsView, TapReader

E = TypeVar("E", bound=Enum)
_TYPED: Final = (PinStep.OLD, PinStep.NEW, PinStep.AGAIN)
_NAME: Final = 64
"""Characters of a device's name."""


class SettingsPresenter(Presenter[SettingsView]):
    """``cameras`` and ``readers``: the devices to choose from."""

    def __init__(
        self,
        engine: Engine,
        file: JsonFile,
        cameras: tuple[str, ...] = ("0",),
        readers: tuple[str, ...] = ("auto",),
    ) -> None:
        super().__init__(_read(file.read(), cameras, readers), engine)
        self._file = file
        self._typed = PinPad()
        self._old = PinPad()
        self._new = PinPad()

    def use(self, **now: str) -> None:
        """For this start only, and kept nowhere: ``language``, ``camera`` or ``reader``, as whoever started it said."""
        self._show(**now)

    def set_language(self, language: str) -> None:
        if language in LANGUAGES:
            self._keep(language=language)

    def set_look(self, look: Look) -> None:
        self._keep(look=look)

    def set_large(self, is_large: bool) -> None:
        self._keep(is_large=is_large)

    def set_pace(self, pace: Pace) -> None:
        self._keep(pace=pace)

    def set_camera(self, camera: str) -> None:
        self._keep(camera=camera[:_NAME])

    def set_reader(self, reader: str) -> None:
        self._keep(reader=reader[:_NAME])

    def set_tap_reader(self, side: TapReader) -> None:
        """For the taps that begin from now on."""
        self._keep(tap_reader=side)

    def _keep(self, **changes: Any) -> None:
        """Applied at once."""
        self._show(trouble=None, **changes)
        kept = {name: value.value if isinstance(value, Enum) else value for name, value in changes.items()}
        self._put(self._file, kept)

    # the PIN

    def begin_pin(self) -> None:
        self._ask(PinStep.OLD)

    def pin_press(self, key: str) -> None:
        if self.view.pin_step in _TYPED and not self._is_busy:
            self._typed.press(key)
            self._show(pin_length=self._typed.length)

    def pin_erase(self) -> None:
        self._typed.erase()
        self._show(pin_length=self._typed.length)

    def pin_next(self) -> None:
        """The button of each step."""
        if self._is_busy or not self._typed.is_enough:
            return
        match self.view.pin_step:
            case PinStep.OLD:
                self._old = self._typed
                self._ask(PinStep.NEW)
            case PinStep.NEW:
                self._new = self._typed
                self._ask(PinStep.AGAIN)
            case PinStep.AGAIN if self._new.is_same(self._typed.take()):
                self._change(self._old.take(), self._new.take())
            case PinStep.AGAIN:
                self._ask(PinStep.NEW, Trouble(AppCode.PINS_DIFFER))
            case _:
                pass

    def cancel_pin(self) -> None:
        if not self._is_busy:
            self._old, self._new = PinPad(), PinPad()
            self._ask(PinStep.NONE)

    def _ask(self, step: PinStep, trouble: Trouble | None = None) -> None:
        self._typed = PinPad()
        self._show(pin_step=step, pin_length=0, trouble=trouble)

    def _change(self, old: str, new: str) -> None:
        def job(work: Work) -> None:
            work.keystore.change_pin(old, new)

        self._run(
            "app_settings.changing",
            job,
            lambda _: self._ask(PinStep.CHANGED),
            lambda trouble: self._ask(PinStep.OLD, trouble),
        )


def _read(held: Mapping[str, Any], cameras: tuple[str, ...], readers: tuple[str, ...]) -> SettingsView:
    """Whatever in the file makes no sense is as it was at first."""
    first = SettingsView()
    language, is_large = held.get("language"), held.get("is_large")
    return SettingsView(
        language=chosen_language(language if isinstance(language, str) else None),
        look=_one_of(Look, held.get("look"), first.look),
        is_large=is_large if isinstance(is_large, bool) else first.is_large,
        pace=_one_of(Pace, held.get("pace"), first.pace),
        camera=_name(held.get("camera"), first.camera),
        cameras=cameras,
        reader=_name(held.get("reader"), first.reader),
        readers=readers,
        tap_reader=_one_of(TapReader, held.get("tap_reader"), first.tap_reader),
    )


def _one_of(kind: type[E], value: object, first: E) -> E:
    return next((item for item in kind if item.value == value), first)


def _name(value: object, first: str) -> str:
    return value if isinstance(value, str) and 0 < len(value) <= _NAME else first
