"""A payment's chain from the central bank to the last hand, hop by hop, drawn as a line with a stop for each hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kivy.graphics import Color, SmoothLine
from kivy.metrics import dp
from kivy.uix.anchorlayout import AnchorLayout

from app.presenters.views.history import Hand
from app.window.kit import Kit
from app.window.theme import BODY, LABEL, LEAD, SMALL
from app.window.widgets.boxes import Column, Row, paint
from app.window.widgets.text import FitText, Icon, Text

_STOP = 36


def chain(kit: Kit, hands: Sequence[Hand]) -> Column:
    """From hop 0 down."""
    return Column(
        *(_hop(kit, hand, place, is_last=place == len(hands) - 1) for place, hand in enumerate(hands)), gap=0
    )


def _hop(kit: Kit, hand: Hand, place: int, *, is_last: bool) -> Row:
    words = Column(
        Text(kit, _who(kit, hand), LEAD if hand.is_own else BODY, name=f"hop-{hand.hop}-who"),
        Text(kit, _how(kit, hand), SMALL, kit.colours.quiet),
        gap=2,
        pad=(0, 8, 0, 14),
    )
    amount = FitText(kit, kit.words.amount(hand.amount), LABEL, halign="right")
    row = Row(_Stop(kit, hand, is_first=place == 0, is_last=is_last), words, amount, gap=14)
    row.name = f"hop-{hand.hop}"
    return row


def _who(kit: Kit, hand: Hand) -> str:
    if hand.wallet is None:
        return kit.say("app_history.central_bank")
    return kit.say("app_history.you") if hand.is_own else kit.words.wallet(hand.wallet)


def _how(kit: Kit, hand: Hand) -> str:
    if hand.wallet is None:
        return kit.say("app_history.issued", time=hand.at)
    return kit.say("app_history.hop", hop=hand.hop, bank=(hand.bank or "—").capitalize(), time=hand.at)


class _Stop(AnchorLayout):
    """The sign of one hand, with the line through it."""

    def __init__(self, kit: Kit, hand: Hand, *, is_first: bool, is_last: bool) -> None:
        super().__init__(size_hint_x=None, width=dp(_STOP), anchor_y="center")
        ink = kit.colours.strong if hand.is_own else kit.colours.soft
        disc = AnchorLayout(size_hint=(None, None), size=(dp(_STOP), dp(_STOP)))
        disc.add_widget(Icon(kit, _sign(hand), 20 / (1.3 if kit.theme.is_large else 1), ink.text))
        with self.canvas.before:
            Color(*kit.colours.line)
            line = SmoothLine(width=dp(1.2))

        def follow(*_: Any) -> None:
            middle, height = self.x + self.width / 2, self.y + self.height / 2
            top = height if is_first else self.y + self.height
            bottom = height if is_last else self.y
            line.points = [middle, top, middle, bottom]

        self.bind(pos=follow, size=follow)
        paint(disc, ink.ground, None, _STOP)
        self.add_widget(disc)


def _sign(hand: Hand) -> str:
    if hand.wallet is None:
        return "bank"
    return "star" if hand.is_own else "account"
