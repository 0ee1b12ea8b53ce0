"""Pay: scan or tap, see whom and how much, confirm with the PIN, show the payment, and how it ended."""

from __future__ import annotations

from collections.abc import Hashable

from kivy.uix.widget import Widget

from app.engine.values import Busy
from app.presenters.pay import PayPresenter
from app.presenters.views.carrying import Carrier
from app.presenters.views.pay import PayStep, PayView
from app.window.screen import Surroundings
from app.window.screens.asked import asked_page
from app.window.screens.looking import LookingScreen
from app.window.screens.pin import pin_key, pin_page
from app.window.theme import BIG, BODY, HEADLINE, LEAD
from app.window.widgets.boxes import Column, Gap, Panes, Row
from app.window.widgets.buttons import strong
from app.window.widgets.code import Code
from app.window.widgets.notices import badge, ended, note, told, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import BigText, Text


class PayScreen(LookingScreen[PayView]):
    """Steps of one payment."""

    def __init__(self, around: Surroundings, pay: PayPresenter) -> None:
        super().__init__(around, pay)
        self.pay = pay

    def enter(self) -> None:
        super().enter()
        if self.view.step is PayStep.SEEK:
            self.pay.begin()

    def wants_camera(self, view: PayView) -> bool:
        return view.step in (PayStep.SEEK, PayStep.SHOWING) and view.carrier is Carrier.QR

    def shape(self, view: PayView) -> Hashable:
        return (
            view.step, view.carrier, view.tap, view.role, view.party, view.ceiling, view.memo, view.expires, view.room,
            view.earlier, view.alike, view.shown is None, view.receipt_at, view.money, view.busy, view.trouble,
            view.wait_until,
            view.amount if view.ceiling is None or view.step is not PayStep.ASKED else None,
        )  # fmt: skip

    def back(self) -> bool:
        if self.view.step in (PayStep.ASKED, PayStep.PIN):
            self.pay.decline()
            return True
        return False

    def abandon(self) -> None:
        self.pay.leave()

    def key(self, sign: str) -> bool:
        view, pay = self.view, self.pay
        if view.step is PayStep.PIN:
            return pin_key(sign, pay.pin_press, pay.pin_erase, pay.accept, view.pin_length)
        if view.step is not PayStep.ASKED or view.earlier:
            return False
        if sign == "enter":
            if view.amount:
                pay.accept()
        elif view.ceiling is None:
            return False
        elif sign == "erase":
            pay.erase()
        else:
            pay.press(sign)
        return True

    def draw(self, view: PayView) -> Widget:
        match view.step:
            case PayStep.SEEK:
                return self._seek(view)
            case PayStep.ASKED:
                return asked_page(self, view)
            case PayStep.PIN:
                return self._pin(view)
            case PayStep.SIGNING:
                return self._signing(view)
            case PayStep.SHOWING:
                return self._showing(view)
            case PayStep.PAID | PayStep.RETURNED | PayStep.DROPPED:
                return self._ended(view)

    def _seek(self, view: PayView) -> Widget:
        kit = self.kit
        above: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        if view.busy is not None:
            above.append(working(kit, view.busy))
        if view.carrier is Carrier.TAP:
            parts = [*above, *self.tapping(view, self.say("app_pay.tap_line"))]
        else:
            finder = self.finder(220 if above else 320, lambda now: now.scanning)
            parts = [*above, Text(kit, self.say("app_pay.aim"), BODY, halign="center"), finder]
        actions = [self.other_carrier(view.carrier)]
        return page(kit, self.say("app_pay.title"), parts, actions, back=self.around.navigator.back)

    def _pin(self, view: PayView) -> Widget:
        kit, pay = self.kit, self.pay
        whom = [
            BigText(kit, kit.words.amount(view.amount or 0), BIG, halign="center", name="pay-amount"),
            Text(
                kit,
                self.say("app_pay.to", payee=kit.words.who(view.party)),
                LEAD,
                kit.colours.quiet,
                halign="center",
                name="pay-payee",
            ),
        ]
        if view.trouble is not None:
            whom.insert(0, trouble(kit, view.trouble, is_brief=True))
        return pin_page(
            self,
            title=self.say("app_pay.confirm_title"),
            ask=self.say("app_pay.pin"),
            length=lambda now: now.pin_length,
            press=pay.pin_press,
            erase=pay.pin_erase,
            confirm=pay.accept,
            confirm_text=self.say("app_pay.sign"),
            back=self.around.navigator.back,
            above=whom,
            is_closed=view.busy is not None or view.wait_until is not None,
        )

    def _signing(self, view: PayView) -> Widget:
        kit = self.kit
        parts = [
            Gap(),
            badge(kit, "draw-pen", kit.colours.soft),
            BigText(kit, kit.words.amount(view.amount or 0), BIG, halign="center", name="pay-amount"),
            working(kit, view.busy or Busy("app_pay.signing")),
            Gap(),
        ]
        return page(kit, "", parts)

    def _showing(self, view: PayView) -> Widget:
        kit = self.kit
        done = strong(kit, "pay-done", self.say("app_pay.done"), self.around.navigator.back, "check")
        head = [
            BigText(kit, kit.words.amount(view.amount or 0), HEADLINE, name="pay-amount"),
            Text(
                kit,
                self.say("app_pay.to", payee=kit.words.who(view.party)),
                LEAD,
                kit.colours.quiet,
                name="pay-payee",
            ),
            note(
                kit, "check-circle-outline", self.say("app_pay.signed_note"), kit.colours.good, "pay-signed"
            ),
        ]
        if view.trouble is not None:
            head.insert(0, trouble(kit, view.trouble))
        if view.carrier is Carrier.TAP:
            parts = [*head, *self.tapping(view, self.say("app_pay.tap_show_line"))]
            below = Row(self.other_carrier(view.carrier), done, gap=8)
            return page(kit, self.say("app_pay.tap_title"), parts, [below], back=self.around.navigator.back)
        code = self.follow(Code(kit, self.around.pace), lambda code, now: code.show(now.shown))
        right = Column(
            *head, self.watching(self.say("app_pay.receipt_watch"), lambda view: view.scanning), gap=12
        )
        return page(
            kit,
            self.say("app_pay.show_title"),
            [Panes(code, right)],
            [Row(self.other_carrier(view.carrier), done, gap=8)],
            back=self.around.navigator.back,
            is_broad=True,
            gap=8,
        )

    def _ended(self, view: PayView) -> Widget:
        kit, colours = self.kit, self.kit.colours
        amount = kit.words.amount(view.amount) if view.amount else ""
        payee = kit.words.who(view.party)
        if view.step is PayStep.PAID:
            line = self.say("app_pay.paid_line", payee=payee)
            parts = ended(kit, "check-bold", colours.good, self.say("app_pay.paid"), amount, line)
            if view.receipt_at is not None:
                receipt = self.say("app_pay.receipt_at", time=view.receipt_at)
                parts.append(note(kit, "receipt-text-check-outline", receipt, colours.good, "pay-receipt"))
        elif view.step is PayStep.RETURNED:
            line = self.say("app_pay.returned_line", payee=payee)
            parts = ended(kit, "undo-variant", colours.warn, self.say("app_pay.returned"), amount, line)
        else:
            # One's own "no" is no failure.
            ink = colours.soft if view.trouble is None else colours.bad
            parts = ended(kit, "close-thick", ink, self.say("app_pay.not_paid"), amount)
        if view.trouble is not None:
            parts.append(told(kit, kit.words.told(view.trouble), view.trouble.code))
        elif view.step is not PayStep.PAID:
            parts.append(
                Text(
                    kit,
                    self.say(f"app_pay.money_{view.money.value}"),
                    BODY,
                    halign="center",
                    name="pay-money",
                )
            )
        done = strong(kit, "pay-end", self.say("app_pay.close"), self.around.navigator.back, "check")
        return page(kit, "", parts, [done])
