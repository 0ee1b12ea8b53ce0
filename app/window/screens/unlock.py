"""Opening the wallet with its PIN."""

from __future__ import annotations

from collections.abc import Hashable

from kivy.uix.widget import Widget

from app.presenters.unlock import UnlockPresenter
from app.presenters.views.gate import UnlockView
from app.window.screen import Screen, Surroundings
from app.window.screens.pin import pin_key, pin_page
from app.window.theme import HEADLINE
from app.window.widgets.boxes import Gap
from app.window.widgets.notices import badge, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import Text


class UnlockScreen(Screen[UnlockView]):
    """The keypad; a pause is said with its end."""

    def __init__(self, around: Surroundings, unlock: UnlockPresenter) -> None:
        super().__init__(around, unlock)
        self._unlock = unlock

    def shape(self, view: UnlockView) -> Hashable:
        return (view.holder, view.busy, view.trouble, view.wait_until)

    def key(self, sign: str) -> bool:
        unlock = self._unlock
        if self.view.busy is not None:
            return False
        return pin_key(sign, unlock.press, unlock.erase, unlock.submit, self.view.pin_length)

    def draw(self, view: UnlockView) -> Widget:
        kit, unlock = self.kit, self._unlock
        if view.busy is not None:
            parts = [
                Gap(),
                badge(kit, "lock-open-variant-outline", kit.colours.soft),
                Text(kit, view.holder, HEADLINE, halign="center"),
                working(kit, view.busy),
                Gap(),
            ]
            return page(kit, "", parts)
        above: list[Widget] = [trouble(kit, view.trouble, is_brief=True)] if view.trouble else []
        return pin_page(
            self,
            title="",
            ask=self.say("app_start.unlock"),
            length=lambda now: now.pin_length,
            press=unlock.press,
            erase=unlock.erase,
            confirm=unlock.submit,
            confirm_text=self.say("app_start.unlock_action"),
            back=None,
            above=[*above, Gap(), Text(kit, view.holder, HEADLINE, halign="center", name="unlock-holder")],
            is_closed=view.wait_until is not None,
        )
