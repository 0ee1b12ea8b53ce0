"""Between the account and the pocket: bring money in, or take it back out with the PIN."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from kivy.uix.widget import Widget

from app.presenters.funds import FundsPresenter
from app.presenters.views.ledger import FundsView
from app.window.screen import Screen, Surroundings
from app.window.screens.pin import pin_key, pin_page
from app.window.theme import BIG, BODY, HUGE, SMALL
from app.window.widgets.boxes import Card, Gap, Row
from app.window.widgets.buttons import Choice, strong
from app.window.widgets.keypad import Keypad
from app.window.widgets.notices import badge, ended, figure, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import BigText, Text


class FundsScreen(Screen[FundsView]):
    """Direction, amount, and for the way out the PIN."""

    def __init__(self, around: Surroundings, funds: FundsPresenter) -> None:
        super().__init__(around, funds)
        self._funds = funds

    def enter(self) -> None:
        super().enter()
        self._funds.refresh()

    def abandon(self) -> None:
        self._funds.direction(True)

    def shape(self, view: FundsView) -> Hashable:
        return (
            view.is_in, view.account, view.balance, view.pin_length is None, view.moved, view.trouble,
            view.busy is not None and view.amount > 0,
        )  # fmt: skip

    def back(self) -> bool:
        if self.view.pin_length is not None:
            self._funds.direction(self.view.is_in)
            return True
        return False

    def key(self, sign: str) -> bool:
        view, funds = self.view, self._funds
        if view.moved is not None or view.busy is not None:
            return False
        if view.pin_length is not None:
            return pin_key(sign, funds.pin_press, funds.pin_erase, funds.go, view.pin_length)
        if sign == "enter":
            funds.go()
        elif sign == "erase":
            funds.erase()
        else:
            funds.press(sign)
        return True

    def draw(self, view: FundsView) -> Widget:
        if view.moved is not None:
            return self._moved(view, view.moved)
        if view.busy is not None and view.amount:
            return self._working(view)
        return self._amount(view) if view.pin_length is None else self._pin(view)

    def _amount(self, view: FundsView) -> Widget:
        kit, funds = self.kit, self._funds
        typed = BigText(kit, "", HUGE, halign="center", name="funds-typed")
        self.follow(typed, lambda text, now: setattr(text, "text", kit.words.typed(now.typed)))
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        parts += [
            Row(
                Choice(
                    kit, "funds-in", self.say("app_ledger.in"), partial(funds.direction, True), view.is_in
                ),
                Choice(
                    kit,
                    "funds-out",
                    self.say("app_ledger.out"),
                    partial(funds.direction, False),
                    not view.is_in,
                ),
                gap=8,
            ),
            self._where(view),
        ]
        line = self.say("app_ledger.in_line" if view.is_in else "app_ledger.out_line")
        keypad = [
            Text(kit, line, SMALL, kit.colours.quiet, halign="center"),
            typed,
            Keypad(kit, funds.press, funds.erase, has_comma=True),
        ]
        go = strong(
            kit,
            "funds-go",
            self.say("app_ledger.bring_in" if view.is_in else "app_ledger.take_out"),
            funds.go,
            "bank-transfer-in" if view.is_in else "bank-transfer-out",
        )
        self.follow(go, lambda action, now: setattr(action, "disabled", not now.amount))
        back = self.around.navigator.back
        return page(kit, self.say("app_ledger.funds"), parts, [*keypad, go], back=back, gap=12)

    def _where(self, view: FundsView) -> Widget:
        kit = self.kit
        account = "—" if view.account is None else kit.words.amount(view.account)
        pocket = "—" if view.balance is None else kit.words.amount(view.balance.spendable)
        return Card(
            figure(kit, self.say("app_ledger.on_account"), account, "funds-account"),
            figure(kit, self.say("app_ledger.in_pocket"), pocket, "funds-pocket"),
            ground=kit.colours.card.ground,
            gap=8,
        )

    def _pin(self, view: FundsView) -> Widget:
        kit, funds = self.kit, self._funds
        above: list[Widget] = [
            BigText(kit, kit.words.amount(view.amount), BIG, halign="center", name="funds-amount")
        ]
        if view.trouble is not None:
            above.insert(0, trouble(kit, view.trouble, is_brief=True))
        return pin_page(
            self,
            title=self.say("app_ledger.funds"),
            ask=self.say("app_ledger.pin"),
            length=lambda now: now.pin_length or 0,
            press=funds.pin_press,
            erase=funds.pin_erase,
            confirm=funds.go,
            confirm_text=self.say("app_ledger.take_out"),
            back=self.around.navigator.back,
            above=above,
        )

    def _working(self, view: FundsView) -> Widget:
        kit = self.kit
        assert view.busy is not None
        parts = [
            Gap(),
            badge(kit, "bank-transfer", kit.colours.soft),
            BigText(kit, kit.words.amount(view.amount), BIG, halign="center"),
            working(kit, view.busy),
            Gap(),
        ]
        return page(kit, self.say("app_ledger.funds"), parts)

    def _moved(self, view: FundsView, moved: int) -> Widget:
        kit = self.kit
        headline = self.say("app_ledger.moved_in" if view.is_in else "app_ledger.moved_out")
        parts = [
            *ended(kit, "check-bold", kit.colours.good, headline, kit.words.amount(moved)),
            self._where(view),
            Text(kit, self.say("app_ledger.moved_line"), BODY, kit.colours.quiet, halign="center"),
        ]
        done = strong(kit, "funds-done", self.say("app_ledger.close"), self.around.navigator.back, "check")
        return page(kit, "", parts, [done])
