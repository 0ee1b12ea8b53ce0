"""What a payer is asked before the PIN: whom, how much, which limits, the payee's words; or an earlier payment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kivy.uix.widget import Widget

from app.presenters.views.pay import Earlier, PayView
from app.window.theme import BIG, BODY, HEADLINE, HUGE, LEAD, SMALL
from app.window.widgets.boxes import Card, Column, Gap, Row
from app.window.widgets.buttons import plain, soft, strong
from app.window.widgets.keypad import Keypad
from app.window.widgets.notices import badge, fact, figure, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import BigText, Icon, Text
from wallet.purse.view.outlook import Allowance

if TYPE_CHECKING:
    from app.window.screens.pay import PayScreen


def asked_page(screen: PayScreen, view: PayView) -> Widget:
    """The whole page."""
    if view.earlier:
        return _earlier_page(screen, view)
    kit, pay = screen.kit, screen.pay
    is_open = view.ceiling is not None
    parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
    if view.busy is not None:
        parts.append(working(kit, view.busy))
    parts.append(_payee(screen, view))
    parts += [] if is_open else _fixed_amount(screen, view)
    parts += [_alike(screen, item) for item in view.alike]
    if view.memo:
        parts.append(_memo(screen, view.memo))
    parts.append(_limits(screen, view))
    keypad = _open_amount(screen, view) if is_open else []

    accept = strong(kit, "pay-accept", screen.say("app_pay.accept"), pay.accept, "arrow-right")
    screen.follow(
        accept, lambda action, now: setattr(action, "disabled", not now.amount or now.busy is not None)
    )
    decline = plain(kit, "pay-decline", screen.say("app_pay.decline"), pay.decline)
    return page(
        kit,
        screen.say("app_pay.asked_title"),
        parts,
        [*keypad, Row(decline, accept, gap=8)],
        back=screen.around.navigator.back,
        gap=12,
    )


def _payee(screen: PayScreen, view: PayView) -> Widget:
    kit, party = screen.kit, view.party
    if party is None:
        return Gap(0)
    sign = "storefront-outline" if party.is_merchant else "account-outline"
    kind = screen.say("pay.shop" if party.is_merchant else "pay.person")
    line = screen.say("app_pay.kind", kind=kind, bank=party.bank.capitalize())
    if party.is_merchant:
        line += "\n" + screen.say("app_pay.wallet", wallet=party.wallet.hex()[:8])
    words = Column(
        Text(kit, kit.words.who(party), HEADLINE if party.is_merchant else LEAD, name="pay-payee"),
        Text(kit, line, SMALL, kit.colours.quiet, name="pay-kind"),
        gap=2,
    )
    return Row(Icon(kit, sign, 36, kit.colours.accent), words, gap=14)


def _fixed_amount(screen: PayScreen, view: PayView) -> list[Widget]:
    kit = screen.kit
    return [BigText(kit, kit.words.amount(view.amount or 0), HUGE, halign="center", name="pay-amount")]


def _open_amount(screen: PayScreen, view: PayView) -> list[Widget]:
    kit = screen.kit
    typed = BigText(kit, "", BIG, halign="center", name="pay-amount")
    screen.follow(typed, lambda text, now: setattr(text, "text", kit.words.typed(now.typed)))
    line = screen.say("app_pay.you_choose", ceiling=view.ceiling or 0)
    keypad = Keypad(kit, screen.pay.press, screen.pay.erase, has_comma=True)
    return [Text(kit, line, SMALL, kit.colours.quiet, halign="center"), typed, keypad]


def _memo(screen: PayScreen, memo: str) -> Widget:
    """The payee's words, marked as such: nobody vouches for them."""
    kit = screen.kit
    words = Column(
        Text(kit, screen.say("app_pay.their_words"), SMALL, kit.colours.quiet),
        Text(kit, memo, BODY, name="pay-memo"),
        gap=2,
    )
    return Card(
        Row(Icon(kit, "format-quote-open", 24, kit.colours.quiet), words, gap=12),
        ground=kit.colours.card.ground,
        pad=(14, 10, 14, 10),
    )


def _limits(screen: PayScreen, view: PayView) -> Widget:
    kit = screen.kit
    rows: list[Widget] = []
    if view.room is not None:
        rows += _room(screen, view.room)
    if view.expires is not None:
        rows.append(
            fact(kit, "timer-outline", screen.say("app_pay.expires", time=view.expires), name="pay-expires")
        )
    return Column(*rows, gap=8)


def _room(screen: PayScreen, room: Allowance) -> list[Widget]:
    kit = screen.kit
    figures = (
        ("app_pay.room_spendable", room.spendable),
        ("app_pay.room_payment", room.payment),
        ("app_pay.room_total", room.total),
    )
    return [figure(kit, screen.say(name), kit.words.amount(amount), name) for name, amount in figures]


def _alike(screen: PayScreen, item: Earlier) -> Widget:
    """As much, to the same payee, signed a moment ago: perhaps this asks for the same."""
    kit, ink = screen.kit, screen.kit.colours.warn
    words = Column(
        Text(kit, screen.say("app_pay.alike"), SMALL, ink.text, name="pay-alike"),
        Text(kit, kit.words.time(item.at), SMALL, ink.text),
        gap=4,
    )
    return Card(
        Row(Icon(kit, "alert-outline", 26, ink.text), words, gap=14), _again(screen, item), ground=ink.ground
    )


def _earlier_page(screen: PayScreen, view: PayView) -> Widget:
    """A printed code that was paid before, without a receipt: show that payment again, or pay anew?"""
    kit, pay = screen.kit, screen.pay
    parts: list[Widget] = [
        badge(kit, "help", kit.colours.warn, 64),
        Text(kit, screen.say("app_pay.earlier"), HEADLINE, halign="center", name="pay-earlier"),
        Text(kit, screen.say("app_pay.earlier_line"), BODY, kit.colours.quiet, halign="center"),
        *(_earlier(screen, item) for item in view.earlier),
    ]
    anew = plain(kit, "pay-anew", screen.say("app_pay.anew"), pay.pay_anew, "plus")
    return page(kit, screen.say("app_pay.asked_title"), parts, [anew], back=screen.around.navigator.back)


def _earlier(screen: PayScreen, item: Earlier) -> Widget:
    kit = screen.kit
    return Card(
        BigText(kit, kit.words.amount(item.amount), BIG),
        Text(kit, kit.words.time(item.at), SMALL, kit.colours.quiet),
        _again(screen, item),
        ground=kit.colours.card.ground,
    )


def _again(screen: PayScreen, item: Earlier) -> Widget:
    return soft(
        screen.kit,
        f"pay-earlier-{item.id.hex()[:8]}",
        screen.say("app_pay.show_again"),
        partial(screen.pay.show_earlier, item.id),
        "qrcode",
    )
