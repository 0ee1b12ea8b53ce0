"""The PIN keypad, as every screen that asks for a PIN shows it. The digits themselves never come here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from kivy.uix.widget import Widget

from app.window.screen import Screen
from app.window.theme import BODY, HEADLINE
from app.window.widgets.boxes import Gap
from app.window.widgets.buttons import Action, strong
from app.window.widgets.keypad import Keypad, PinDots
from app.window.widgets.page import Back, page
from app.window.widgets.text import Text

V = TypeVar("V")
SHORTEST = 4


def pin_page(
    screen: Screen[V],
    *,
    title: str,
    ask: str,
    line: str = "",
    length: Callable[[V], int],
    press: Callable[[str], object],
    erase: Callable[[], object],
    confirm: Callable[[], object],
    confirm_text: str,
    back: Back | None,
    above: Sequence[Widget] = (),
    is_closed: bool = False,
) -> Widget:
    """``length`` reads from a view how many digits were typed; ``is_closed`` while no PIN is taken."""
    kit = screen.kit

    def put_action(action: Action, view: V) -> None:
        action.disabled = is_closed or length(view) < SHORTEST

    action = screen.follow(strong(kit, "pin-confirm", confirm_text, confirm), put_action)
    dots = screen.follow(PinDots(kit, 0), lambda dots, view: setattr(dots, "length", length(view)))
    parts = [*above, Gap()]
    if line:
        parts += [Text(kit, line, BODY, kit.colours.quiet, halign="center"), Gap()]
    asking = Text(kit, ask, HEADLINE, halign="center", name="pin-ask")
    keypad = Keypad(kit, press, erase, has_comma=False)
    return page(kit, title, parts, [asking, dots, keypad, action], back=back, gap=12)


def pin_key(
    sign: str,
    press: Callable[[str], object],
    erase: Callable[[], object],
    confirm: Callable[[], object],
    length: int,
) -> bool:
    """What a key of a keyboard does where a PIN is asked for."""
    if sign.isdigit():
        press(sign)
    elif sign == "erase":
        erase()
    elif sign == "enter" and length >= SHORTEST:
        confirm()
    else:
        return False
    return True
