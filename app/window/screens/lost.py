"""A lost phone: what lies on the account's other devices, the PIN, and that it was reported."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from kivy.uix.widget import Widget

from app.presenters.lost import LostPresenter
from app.presenters.views.ledger import LostView
from app.window.screen import Screen, Surroundings
from app.window.screens.pin import pin_key, pin_page
from app.window.theme import BODY
from app.window.widgets.boxes import Gap
from app.window.widgets.buttons import strong
from app.window.widgets.notices import ended, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import Text


class LostScreen(Screen[LostView]):
    """Asks the bank when it is opened."""

    def __init__(self, around: Surroundings, lost: LostPresenter) -> None:
        super().__init__(around, lost)
        self._lost = lost

    def enter(self) -> None:
        super().enter()
        if not self.view.is_reported:
            self._lost.refresh()

    def shape(self, view: LostView) -> Hashable:
        return replace(view, pin_length=None), view.pin_length is None

    def back(self) -> bool:
        if self.view.pin_length is not None:
            self._lost.cancel()
            return True
        return False

    def key(self, sign: str) -> bool:
        view, lost = self.view, self._lost
        if view.pin_length is None or view.busy is not None:
            return False
        return pin_key(sign, lost.pin_press, lost.pin_erase, lost.report, view.pin_length)

    def draw(self, view: LostView) -> Widget:
        if view.is_reported:
            return self._reported()
        return self._known(view) if view.pin_length is None else self._pin(view)

    def _known(self, view: LostView) -> Widget:
        kit = self.kit
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        if view.busy is not None:
            parts += [Gap(), working(kit, view.busy), Gap()]
        if view.amount is not None:
            known = self.say("lost.known", amount=kit.words.amount(view.amount))
            parts.append(Text(kit, known, BODY, name="lost-known"))
            if view.until is not None:
                back = self.say("lost.back", until=kit.words.time(view.until))
                parts.append(Text(kit, back, BODY, name="lost-back"))
            below = ("lost.none",) if view.is_alone else ("lost.unknown", "app_lost.stays")
            parts += [Text(kit, self.say(name), BODY, kit.colours.quiet) for name in below]
        report = strong(kit, "lost-report", self.say("app_lost.report"), self._lost.begin, "cellphone-remove")
        report.disabled = view.amount is None or view.is_alone or view.busy is not None
        return page(kit, self.say("app_lost.title"), parts, [report], back=self.around.navigator.back)

    def _pin(self, view: LostView) -> Widget:
        lost = self._lost
        above: list[Widget] = [trouble(self.kit, view.trouble, is_brief=True)] if view.trouble else []
        if view.busy is not None:
            above.append(working(self.kit, view.busy))
        return pin_page(
            self,
            title=self.say("app_lost.title"),
            ask=self.say("app_lost.pin"),
            length=lambda now: now.pin_length or 0,
            press=lost.pin_press,
            erase=lost.pin_erase,
            confirm=lost.report,
            confirm_text=self.say("app_lost.report"),
            back=lost.cancel,
            above=above,
            is_closed=view.busy is not None,
        )

    def _reported(self) -> Widget:
        kit = self.kit
        parts = ended(kit, "check-bold", kit.colours.good, self.say("app_lost.done"))
        parts.append(Text(kit, self.say("lost.reported"), BODY, kit.colours.quiet, halign="center"))
        done = strong(kit, "lost-done", self.say("app_settings.close"), self.around.navigator.back, "check")
        return page(kit, "", parts, [done])
