"""History: what happened, newest first; one payment with its whole chain, hop by hop."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import partial
from typing import Final

from kivy.uix.widget import Widget

from app.engine.values import Trouble
from app.presenters.history import HistoryPresenter
from app.presenters.views.history import HistoryLine, HistoryView
from app.window.screen import Screen, Surroundings
from app.window.theme import BIG, BODY, HEADLINE, LEAD, SMALL
from app.window.widgets.boxes import Card, Column, Gap, Panes, Row
from app.window.widgets.buttons import TouchRow, soft, strong
from app.window.widgets.chain import chain
from app.window.widgets.notices import badge, disc, figure, told, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import BigText, FitText, Text

AT_ONCE: Final = 30
"""Lines drawn before one must ask for older ones."""
SIGNS: Final = {
    "paid": "arrow-top-right",
    "received": "arrow-bottom-left",
    "refused": "cancel",
    "funded": "bank-transfer-in",
    "refreshed": "autorenew",
    "defunded": "bank-transfer-out",
    "lost": "alert-outline",
    "expired": "bank-transfer-out",
}


class HistoryScreen(Screen[HistoryView]):
    """A list, or one line of it opened."""

    def __init__(self, around: Surroundings, history: HistoryPresenter) -> None:
        super().__init__(around, history)
        self._history = history
        self._most = AT_ONCE

    def enter(self) -> None:
        super().enter()
        self._history.refresh()

    def shape(self, view: HistoryView) -> Hashable:
        is_first_look = view.busy is not None and not view.lines
        return (replace(view, busy=None), is_first_look, self._most)

    def back(self) -> bool:
        if self.view.chosen is not None:
            self._history.back()
            return True
        return False

    def draw(self, view: HistoryView) -> Widget:
        return self._list(view) if view.chosen is None else self._opened(view, view.chosen)

    def _list(self, view: HistoryView) -> Widget:
        kit = self.kit
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        if view.busy is not None and not view.lines:
            parts.append(working(kit, view.busy))
        elif not view.lines:
            parts += [
                Gap(),
                badge(kit, "history", kit.colours.soft),
                Text(kit, self.say("app_history.empty"), HEADLINE, halign="center"),
                Text(kit, self.say("app_history.empty_line"), BODY, kit.colours.quiet, halign="center"),
                Gap(),
            ]
        parts += [self._line(line) for line in view.lines[: self._most]]
        if len(view.lines) > self._most:
            parts.append(
                soft(kit, "history-older", self.say("app_history.older"), self._older, "chevron-down")
            )
        return page(kit, self.say("app_history.title"), parts, gap=8)

    def _older(self) -> None:
        self._most += AT_ONCE
        self._show(self.view)

    def _line(self, line: HistoryLine) -> Widget:
        kit, colours = self.kit, self.kit.colours
        ink = colours.bad if line.code or line.lost else colours.good if line.sign > 0 else colours.soft
        amount = FitText(
            kit,
            kit.words.signed(line.amount, line.sign),
            LEAD,
            colours.good.text if line.sign > 0 and not colours.is_dark else None,
            halign="right",
        )
        words = Column(
            Row(Text(kit, self._title(line), LEAD), amount, gap=8),
            Text(kit, self._under(line), SMALL, colours.quiet),
            gap=2,
        )
        return TouchRow(
            kit,
            f"history-{line.id.hex()[:8]}",
            partial(self._history.choose, line.id),
            disc(kit, SIGNS[line.kind], ink, 40),
            words,
            ground=colours.card.ground,
        )

    def _title(self, line: HistoryLine) -> str:
        if line.party is not None:
            return self.kit.words.who(line.party)
        return self.say(f"app_history.{line.kind}")

    def _under(self, line: HistoryLine) -> str:
        parts = [self.kit.words.time(line.at)]
        if line.party is not None:
            parts.insert(0, self.say(f"app_history.{line.kind}"))
        if line.state:
            parts.append(self.say(f"history.state_{line.state}"))
        if line.lost:
            parts.append(self.kit.words.lost(line))
        return " · ".join(parts)

    def _opened(self, view: HistoryView, line: HistoryLine) -> Widget:
        kit, colours = self.kit, self.kit.colours
        head: list[Widget] = [
            Text(kit, self._title(line), HEADLINE, halign="center", name="history-who"),
            BigText(
                kit, kit.words.signed(line.amount, line.sign), BIG, halign="center", name="history-amount"
            ),
        ]
        facts: list[Widget] = [
            figure(kit, self.say("app_history.what"), self.say(f"app_history.{line.kind}")),
            figure(kit, self.say("app_history.when"), kit.words.time(line.at)),
        ]
        if line.state:
            facts.append(figure(kit, self.say("app_history.state"), self.say(f"history.state_{line.state}")))
        if line.lost:
            facts.append(Text(kit, kit.words.lost(line), SMALL, colours.bad.text, name="history-lost"))
        if line.party is not None and line.party.bank:
            facts.append(figure(kit, self.say("app_history.bank"), line.party.bank.capitalize()))
        facts.append(figure(kit, self.say("app_history.id"), line.id.hex()[:16]))
        if line.memo:
            facts.append(Text(kit, self.say("app_history.memo", memo=line.memo), SMALL, name="history-memo"))
        left = [*head, Card(*facts, ground=colours.card.ground, gap=10)]
        if line.code is not None:
            left.append(told(kit, kit.words.told(Trouble(line.code)), line.code))
        return self._with_chain(view, left, is_payment=line.kind == "paid")

    def _with_chain(self, view: HistoryView, left: list[Widget], *, is_payment: bool) -> Widget:
        kit = self.kit
        right: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        if view.chain:
            right += [
                Text(kit, self.say("app_history.chain"), LEAD),
                Text(kit, self.say("app_history.chain_line"), SMALL, kit.colours.quiet),
                chain(kit, view.chain),
            ]
        words = "show_again" if is_payment else "show_receipt"
        show = partial(self._again, "pay" if is_payment else "receive")
        again = strong(kit, "history-again", self.say(f"app_history.{words}"), show, "qrcode")
        return page(
            kit,
            self.say("app_history.one"),
            [Panes(Column(*left, gap=14), Column(*right, gap=8))] if right else left,
            [again] if view.can_show else [],
            back=self.around.navigator.back,
            is_broad=bool(right),
        )

    def _again(self, place: str) -> None:
        self._history.show_again()
        self.around.navigator.go(place)
