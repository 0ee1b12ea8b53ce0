"""Changing the PIN: the one as it is, the new one, the new one again."""

from __future__ import annotations

from collections.abc import Hashable

from kivy.uix.widget import Widget

from app.presenters.settings import SettingsPresenter
from app.presenters.views.settings import PinStep, SettingsView
from app.window.screen import Screen, Surroundings
from app.window.screens.pin import pin_key, pin_page
from app.window.widgets.buttons import strong
from app.window.widgets.notices import ended, trouble, working
from app.window.widgets.page import page


class PinChangeScreen(Screen[SettingsView]):
    """Begins when it is opened; going elsewhere gives it up."""

    def __init__(self, around: Surroundings, settings: SettingsPresenter) -> None:
        super().__init__(around, settings)
        self._settings = settings

    def enter(self) -> None:
        if self.view.pin_step is PinStep.NONE:
            self._settings.begin_pin()
        super().enter()

    def abandon(self) -> None:
        self._settings.cancel_pin()

    def shape(self, view: SettingsView) -> Hashable:
        return (view.pin_step, view.busy, view.trouble)

    def key(self, sign: str) -> bool:
        view, settings = self.view, self._settings
        if view.pin_step is PinStep.CHANGED or view.busy is not None:
            return False
        return pin_key(sign, settings.pin_press, settings.pin_erase, settings.pin_next, view.pin_length)

    def draw(self, view: SettingsView) -> Widget:
        return self._changed() if view.pin_step is PinStep.CHANGED else self._pin(view)

    def _pin(self, view: SettingsView) -> Widget:
        settings = self._settings
        above: list[Widget] = [trouble(self.kit, view.trouble, is_brief=True)] if view.trouble else []
        if view.busy is not None:
            above.append(working(self.kit, view.busy))
        step = PinStep.OLD if view.pin_step is PinStep.NONE else view.pin_step
        return pin_page(
            self,
            title=self.say("app_settings.change_pin"),
            ask=self.say(f"app_settings.pin_{step.value}"),
            length=lambda now: now.pin_length,
            press=settings.pin_press,
            erase=settings.pin_erase,
            confirm=settings.pin_next,
            confirm_text=self.say("app_settings.pin_next"),
            back=self.around.navigator.back,
            above=above,
            is_closed=view.busy is not None,
        )

    def _changed(self) -> Widget:
        kit = self.kit
        parts = ended(kit, "check-bold", kit.colours.good, self.say("app_settings.pin_changed"))
        done = strong(kit, "pin-done", self.say("app_settings.close"), self.around.navigator.back, "check")
        return page(kit, "", parts, [done])
