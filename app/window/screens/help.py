"""Help: short answers to what people ask; drawn from the catalogue alone."""

from __future__ import annotations

from typing import Final

from kivy.uix.widget import Widget

from app.window.screen import Surroundings
from app.window.theme import BODY, LEAD
from app.window.widgets.boxes import Card, Column, Row
from app.window.widgets.page import page
from app.window.widgets.text import Icon, Text

ANSWERS: Final = (
    ("what_is", "cash"),
    ("to_pay", "qrcode-scan"),
    ("to_receive", "arrow-down"),
    ("broken_off", "timer-sand"),
    ("shop_code", "printer"),
    ("reconcile", "sync"),
    ("hops", "swap-horizontal"),
    ("cheated", "alert-outline"),
    ("pin", "lock-outline"),
    ("privacy", "eye-off-outline"),
)
"""Name of an answer in the catalogue, and its sign."""


def help_page(around: Surroundings) -> Widget:
    """A card for each answer."""
    kit = around.kit
    cards = [_card(around, name, icon) for name, icon in ANSWERS]
    return page(kit, kit.say("app_help.title"), cards, back=around.navigator.back, gap=10)


def _card(around: Surroundings, name: str, icon: str) -> Widget:
    kit = around.kit
    words = Column(
        Text(kit, kit.say(f"app_help.{name}_q"), LEAD),
        Text(kit, kit.say(f"app_help.{name}_a"), BODY, kit.colours.quiet),
        gap=6,
    )
    return Card(Row(Icon(kit, icon, 24, kit.colours.accent), words, gap=14), ground=kit.colours.card.ground)
