"""What a person must not misread: how something ended, a refusal with its three parts, work under way, small facts."""

from __future__ import annotations

from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.widget import Widget

from app.catalogue import Explanation
from app.engine.values import Busy, Trouble
from app.window.kit import Kit
from app.window.theme import BIG, BODY, HEADLINE, LABEL, LEAD, SMALL, Ink, Type
from app.window.widgets.boxes import Card, Column, Gap, Row, paint
from app.window.widgets.progress import RUNNING, Line
from app.window.widgets.text import BigText, FitText, Icon, Text


def badge(kit: Kit, icon: str, ink: Ink, points: float = 84) -> Widget:
    """A large round sign, in the middle."""
    sign = disc(kit, icon, ink, points)
    holder = AnchorLayout(size_hint_y=None, height=sign.height)
    holder.add_widget(sign)
    return holder


def disc(kit: Kit, icon: str, ink: Ink, points: float) -> Widget:
    """A round sign."""
    size = kit.theme.grown(points)
    sign = AnchorLayout(size_hint=(None, None), size=(size, size))
    sign.add_widget(Icon(kit, icon, points * 0.55, ink.text))
    paint(sign, ink.ground, None, points)
    return sign


def ended(
    kit: Kit, icon: str, ink: Ink, headline: str, amount: str = "", line: str = "", *, is_small: bool = False
) -> list[Widget]:
    """How something ended: sign, word, amount, one line. Each says it alone. ``is_small`` leaves room for a code."""
    parts: list[Widget] = [
        Gap(),
        badge(kit, icon, ink, 56 if is_small else 84),
        Text(kit, headline, HEADLINE, halign="center", name="ended"),
    ]
    if amount:
        parts.append(BigText(kit, amount, BIG, halign="center", name="ended-amount"))
    if line:
        parts.append(Text(kit, line, BODY, kit.colours.quiet, halign="center", name="ended-line"))
    return parts


def told(kit: Kit, saying: Explanation, code: str = "") -> Column:
    """What happened, where the money is, what to do next."""
    rows = [
        _part(kit, "alert-circle-outline", "app_help.what", saying.what, "what"),
        _part(kit, "wallet-outline", "app_help.money", saying.money, "money"),
        _part(kit, "arrow-right-circle-outline", "app_help.next", saying.next, "next"),
    ]
    card = Card(*rows, ground=kit.colours.card.ground, gap=14)
    if code:
        card.add_widget(
            Text(kit, kit.say("app_help.code", code=code), SMALL, kit.colours.quiet, name="trouble-code")
        )
    return card


def _part(kit: Kit, icon: str, label: str, text: str, name: str) -> Widget:
    words = Column(
        Text(kit, kit.say(label), LABEL, kit.colours.quiet),
        Text(kit, text, BODY, name=f"trouble-{name}"),
        gap=2,
    )
    return Row(Icon(kit, icon, 24, kit.colours.accent), words, gap=14)


def trouble(kit: Kit, what: Trouble, *, is_brief: bool = False) -> Widget:
    """A refusal on a page that goes on: a sign and the same three parts, set closer if ``is_brief``."""
    saying, ink = kit.words.told(what), kit.colours.bad
    if is_brief:
        rest = Text(kit, f"{saying.money} {saying.next}", SMALL, ink.text, name="trouble-next")
        what_happened = Text(kit, saying.what, LABEL, ink.text, name="trouble-what")
        row = Row(Icon(kit, "alert-circle", 22, ink.text), Column(what_happened, rest, gap=2), gap=12)
        return Card(row, ground=ink.ground, pad=(12, 8, 12, 8))
    lines = Column(
        Text(kit, saying.what, LEAD, ink.text, name="trouble-what"),
        Text(kit, saying.money, SMALL, ink.text, name="trouble-money"),
        Text(kit, saying.next, SMALL, ink.text, name="trouble-next"),
        gap=4,
    )
    return Card(Row(Icon(kit, "alert-circle", 26, ink.text), lines, gap=14), ground=ink.ground)


def working(kit: Kit, busy: Busy, **facts: int | str) -> Column:
    """A step under way, and how far."""
    share = busy.done / busy.total if busy.total > 0 else RUNNING
    return Column(
        Text(kit, kit.words.busy(busy, **facts), BODY, halign="center", name="busy"), Line(kit, share), gap=12
    )


def fact(kit: Kit, icon: str, text: str, kind: Type = SMALL, name: str = "", aside: float = 0) -> Widget:
    """A line with a sign before it, ``aside`` dp from either side."""
    return Row(
        Icon(kit, icon, 20, kit.colours.quiet),
        Text(kit, text, kind, kit.colours.quiet, name=name),
        gap=10,
        pad=(aside, 0, aside, 0),
    )


def figure(kit: Kit, label: str, amount: str, name: str = "", kind: Type = SMALL) -> Widget:
    """What something is on the left, how much on the right."""
    return Row(
        Text(kit, label, kind, kit.colours.quiet),
        FitText(kit, amount, LEAD, halign="right", name=name),
        gap=12,
    )


def note(kit: Kit, icon: str, text: str, ink: Ink, name: str = "") -> Widget:
    """A remark that is no refusal."""
    return Card(
        Row(Icon(kit, icon, 24, ink.text), Text(kit, text, SMALL, ink.text, name=name), gap=14),
        ground=ink.ground,
        pad=(16, 12, 16, 12),
    )
