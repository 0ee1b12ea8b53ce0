"""Receive: how much, the code to show while the camera watches for the payment, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Hashable
from functools import partial
from pathlib import Path

from kivy.uix.widget import Widget

from app.presenters.receive import ReceivePresenter
from app.presenters.views.carrying import Carrier
from app.presenters.views.receive import ReceiveStep, ReceiveView
from app.window.screen import Surroundings
from app.window.screens.looking import LookingScreen
from app.window.theme import BIG, BODY, HEADLINE, HUGE, LEAD, SMALL
from app.window.widgets.boxes import Column, Flow, Panes, Row
from app.window.widgets.buttons import Chip, plain, soft, strong
from app.window.widgets.code import Code
from app.window.widgets.field import Field
from app.window.widgets.keypad import Keypad
from app.window.widgets.notices import ended, fact, note, told, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import BigText, Text
from wallet.protocol.bounds import MAX_HOP, MAX_MEMO_BYTES


class ReceiveScreen(LookingScreen[ReceiveView]):
    """Steps of one request. ``prints`` is the folder that printed codes go to."""

    def __init__(self, around: Surroundings, receive: ReceivePresenter, prints: Path) -> None:
        super().__init__(around, receive)
        self._receive, self._prints = receive, prints
        self._has_memo = bool(receive.view.memo)
        self._begins_memo = False
        self._printed: Path | None = None

    def wants_camera(self, view: ReceiveView) -> bool:
        return view.step is ReceiveStep.ASKING and view.carrier is Carrier.QR

    def shape(self, view: ReceiveView) -> Hashable:
        return (
            view.step, view.carrier, view.is_open, view.is_printed, view.can_print, view.tap, view.role, view.busy,
            view.trouble, view.received, view.repeat_of, view.receipt is None, view.shown is None,
            view.expires, self._has_memo, view.is_for_other, self._printed,
        )  # fmt: skip

    def back(self) -> bool:
        if self.view.step is ReceiveStep.ASKING:
            self._receive.cancel()
            return True
        return False

    def abandon(self) -> None:
        self._receive.leave()

    def key(self, sign: str) -> bool:
        if self.view.step is not ReceiveStep.AMOUNT:
            return False
        if sign == "enter":
            self._ask()
        elif sign == "erase":
            self._receive.erase()
        else:
            self._receive.press(sign)
        return True

    def draw(self, view: ReceiveView) -> Widget:
        match view.step:
            case ReceiveStep.AMOUNT:
                return self._amount(view)
            case ReceiveStep.ASKING if view.carrier is Carrier.TAP:
                return self._asking_by_tap(view)
            case ReceiveStep.ASKING:
                return self._asking(view)
            case ReceiveStep.RECEIVED:
                return self._received(view)
            case ReceiveStep.RECEIPT:
                return self._receipt(view)
            case ReceiveStep.REFUSED:
                return self._refused(view)

    # how much

    def _amount(self, view: ReceiveView) -> Widget:
        kit, receive = self.kit, self._receive
        typed = BigText(kit, "", HUGE, halign="center", name="receive-typed")
        self.follow(typed, lambda text, now: setattr(text, "text", kit.words.typed(now.typed)))
        line = "app_receive.ceiling" if view.is_open else "app_receive.how_much"
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        if self._has_memo:
            parts.append(
                Field(
                    kit,
                    "receive-memo",
                    self.say("app_receive.memo"),
                    view.memo,
                    receive.set_memo,
                    MAX_MEMO_BYTES,
                    is_begun=self._begins_memo,
                )
            )
            self._begins_memo = False
        parts.append(Flow(*self._options(view)))
        keypad = [
            Text(kit, self.say(line), BODY, kit.colours.quiet, halign="center"),
            typed,
            Keypad(kit, receive.press, receive.erase, has_comma=True),
        ]
        by_tap = view.carrier is Carrier.TAP and not view.is_printed
        words, icon = ("tap_title", "contactless-payment") if by_tap else ("ask", "qrcode")
        ask = strong(kit, "receive-ask", self.say(f"app_receive.{words}"), self._ask, icon)
        self.follow(ask, lambda action, now: setattr(action, "disabled", not self._can_ask(now)))
        back = self.around.navigator.back
        return page(kit, self.say("app_receive.title"), parts, [*keypad, ask], back=back, gap=12)

    def _options(self, view: ReceiveView) -> list[Widget]:
        kit, receive = self.kit, self._receive
        chips = [
            Chip(
                kit,
                "receive-open",
                self.say("app_receive.open"),
                "tune-variant",
                partial(receive.set_open, not view.is_open),
                view.is_open,
            ),
            Chip(
                kit, "receive-words", self.say("app_receive.words"), "pencil", self._turn_memo, self._has_memo
            ),
        ]
        printed = partial(receive.set_printed, not view.is_printed)
        chips.append(
            Chip(kit, "receive-printed", self.say("app_receive.printed"), "printer", printed, view.is_printed)
        )
        return chips

    @staticmethod
    def _can_ask(view: ReceiveView) -> bool:
        return view.busy is None and view.amount > 0

    def _ask(self) -> None:
        if self._can_ask(self.view):
            self._receive.ask()

    def _turn_memo(self) -> None:
        self._has_memo = self._begins_memo = not self._has_memo
        if not self._has_memo:
            self._receive.set_memo("")
        self._show(self.view)

    # asking

    def _asking(self, view: ReceiveView) -> Widget:
        kit = self.kit
        code = self.follow(Code(kit, self.around.pace), lambda code, now: code.show(now.shown))
        facts: list[Widget] = [self._asked(view)]
        if view.expires is not None:
            facts.append(
                fact(
                    kit,
                    "timer-outline",
                    self.say("app_receive.expires", time=view.expires),
                    name="receive-expires",
                )
            )
        if view.memo:
            facts.append(fact(kit, "message-text-outline", view.memo, name="receive-memo_shown"))
        if view.is_printed:
            facts.append(Text(kit, self.say("app_receive.print_line"), BODY, kit.colours.quiet))
        if self._printed is not None and view.busy is None and view.trouble is None:
            where = self.say("app_receive.printed_to", file=str(self._printed))
            facts.append(note(kit, "check-circle-outline", where, kit.colours.good, "receive-printed_to"))
        facts.append(self.watching(self.say("app_receive.watching"), lambda view: view.scanning))
        if view.trouble is not None:
            facts.insert(0, trouble(kit, view.trouble))
        if view.busy is not None:
            facts.insert(0, working(kit, view.busy))
        panes = Panes(code, Column(*facts, gap=8))
        return page(
            kit,
            self.say("app_receive.show_title"),
            [panes],
            self._asking_actions(view),
            back=self.around.navigator.back,
            is_broad=True,
            gap=8,
        )

    def _asked(self, view: ReceiveView) -> Widget:
        if view.is_open:
            words = self.say("app_receive.up_to", amount=view.amount)
            return Text(self.kit, words, LEAD, name="receive-asked")
        return BigText(self.kit, self.kit.words.amount(view.amount), HEADLINE, name="receive-asked")

    def _asking_actions(self, view: ReceiveView) -> list[Widget]:
        kit = self.kit
        print_it = strong(kit, "receive-print", self.say("app_receive.print"), self._print, "printer")
        cancel = plain(kit, "receive-cancel", self.say("app_receive.cancel"), self._receive.cancel)
        below = Row(cancel, self.other_carrier(view.carrier), gap=8)
        return [print_it, below] if view.can_print else [below]

    def _print(self) -> None:
        self._printed = self._prints / f"qalta-{int(time.time())}.png"
        self._prints.mkdir(parents=True, exist_ok=True)
        self._receive.print_to(self._printed)

    def _asking_by_tap(self, view: ReceiveView) -> Widget:
        kit = self.kit
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        amount = BigText(kit, kit.words.amount(view.amount), BIG, halign="center", name="receive-asked")
        parts += [amount, *self.tapping(view, self.say("app_receive.tap_line"))]
        cancel = plain(kit, "receive-cancel", self.say("app_receive.cancel"), self._receive.cancel)
        return page(
            kit,
            self.say("app_receive.tap_title"),
            parts,
            [Row(cancel, self.other_carrier(view.carrier), gap=8)],
            back=self.around.navigator.back,
        )

    # how it ended

    def _received(self, view: ReceiveView) -> Widget:
        kit = self.kit
        if view.repeat_of is not None:
            sign, ink, headline = "content-copy", kit.colours.warn, self.say("app_receive.repeat")
            line = self.say("app_receive.repeat_line", time=view.repeat_of)
        else:
            sign, ink, headline = "check-bold", kit.colours.good, self.say("app_receive.received")
            line = self.say("app_receive.hop", hop=view.hop, most=MAX_HOP)
        has_code = view.receipt is not None and view.carrier is Carrier.QR
        parts = ended(kit, sign, ink, headline, kit.words.amount(view.received), line, is_small=has_code)
        if has_code:
            return self._with_code(parts, "app_receive.receipt")
        if view.repeat_of is None:
            parts.append(Text(kit, self.say("app_receive.safe"), BODY, kit.colours.quiet, halign="center"))
        return self._end(parts)

    def _receipt(self, view: ReceiveView) -> Widget:
        kit = self.kit
        line = self.say("app_receive.receipt_line", time=view.repeat_of or 0)
        headline = self.say("app_receive.receipt_again")
        amount = kit.words.amount(view.received)
        parts = ended(
            kit, "receipt-text-check-outline", kit.colours.good, headline, amount, line, is_small=True
        )
        return self._with_code(parts, "app_receive.receipt")

    def _refused(self, view: ReceiveView) -> Widget:
        kit = self.kit
        parts = ended(kit, "close-thick", kit.colours.bad, self.say("app_receive.refused"))
        if view.trouble is not None:
            parts.append(told(kit, kit.words.told(view.trouble), view.trouble.code))
        return (
            self._end(parts) if view.receipt is None else self._with_code(parts, "app_receive.refusal_code")
        )

    def _with_code(self, parts: list[Widget], line: str) -> Widget:
        """The receipt's code, and a line below it."""
        kit = self.kit
        code = self.follow(Code(kit, self.around.pace), lambda code, now: code.show(now.receipt))
        below = Text(kit, self.say(line), SMALL, kit.colours.quiet, halign="center")
        return self._end([Panes(Column(*parts), Column(code, below))], is_broad=True)

    def _end(self, parts: list[Widget], *, is_broad: bool = False) -> Widget:
        kit, back = self.kit, self.around.navigator.back
        actions = [strong(kit, "receive-done", self.say("app_receive.done"), back, "check")]
        if self.view.is_printed or self.view.is_for_other:
            on = "app_receive.next_one" if self.view.is_printed else "app_receive.still_asked"
            actions.append(soft(kit, "receive-ask_on", self.say(on), self._receive.ask_on, "qrcode"))
        return page(kit, "", parts, actions, is_broad=is_broad)
