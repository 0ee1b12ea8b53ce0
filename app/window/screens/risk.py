"""What is at risk: what would be lost with this device now, and until when."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import partial

from kivy.uix.widget import Widget

from app.presenters.risk import RiskPresenter
from app.presenters.views.ledger import RiskView
from app.window.screen import Screen, Surroundings
from app.window.theme import BIG, BODY, LABEL, LEAD, SMALL, Ink
from app.window.widgets.boxes import Card, Column, Row
from app.window.widgets.buttons import plain, strong
from app.window.widgets.notices import note, trouble
from app.window.widgets.page import page
from app.window.widgets.text import BigText, Icon, Text


class RiskScreen(Screen[RiskView]):
    """Two amounts and what they mean."""

    def __init__(self, around: Surroundings, risk: RiskPresenter) -> None:
        super().__init__(around, risk)
        self._risk = risk

    def enter(self) -> None:
        super().enter()
        self._risk.refresh()

    def shape(self, view: RiskView) -> Hashable:
        return replace(view, busy=None)

    def draw(self, view: RiskView) -> Widget:
        kit, colours = self.kit, self.kit.colours
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        parts.append(Text(kit, self.say("app_help.risk_line"), BODY, colours.quiet))
        if not view.amount:
            parts.append(
                note(kit, "check-circle-outline", self.say("app_help.risk_none"), colours.good, "risk-none")
            )
        else:
            parts += self._amounts(view)
        parts.append(self._if_lost())
        go = partial(self.around.navigator.go, "reconcile")
        less = strong(kit, "risk-reconcile", self.say("app_help.risk_less"), go, "sync")
        lost = partial(self.around.navigator.go, "lost")
        report = plain(kit, "risk-lost", self.say("app_lost.title"), lost, "cellphone-remove")
        return page(
            kit, self.say("app_help.risk_title"), parts, [less, report], back=self.around.navigator.back
        )

    def _amounts(self, view: RiskView) -> list[Widget]:
        kit, colours = self.kit, self.kit.colours
        comes_back = view.amount - view.unsettled
        found: list[Widget] = [
            Column(
                Text(kit, self.say("app_help.risk_now"), LABEL, colours.quiet),
                BigText(kit, kit.words.amount(view.amount), BIG, name="risk-amount"),
                gap=2,
            )
        ]
        if view.is_doubtful:
            found.append(note(kit, "backup-restore", self.say("balance.rolled_back"), colours.bad))
        if view.unsettled:
            found.append(
                self._part(
                    "alert-outline",
                    colours.bad,
                    kit.words.amount(view.unsettled),
                    self.say("app_help.risk_unsettled"),
                    "risk-unsettled",
                )
            )
        if comes_back:
            line = (
                self.say("app_help.risk_back", time=view.until)
                if view.until
                else self.say("app_help.risk_later")
            )
            found.append(
                self._part(
                    "backup-restore", colours.soft, kit.words.amount(comes_back), line, "risk-comes_back"
                )
            )
        return found

    def _part(self, icon: str, ink: Ink, amount: str, line: str, name: str) -> Widget:
        kit = self.kit
        words = Column(Text(kit, amount, LEAD, ink.text, name=name), Text(kit, line, SMALL, ink.text), gap=4)
        return Card(Row(Icon(kit, icon, 28, ink.text), words, gap=14), ground=ink.ground)

    def _if_lost(self) -> Widget:
        kit = self.kit
        return Column(
            Text(kit, self.say("app_help.lost_title"), LEAD),
            Text(kit, self.say("app_help.lost_line"), BODY, kit.colours.quiet),
            gap=4,
        )
