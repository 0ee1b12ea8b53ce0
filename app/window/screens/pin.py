"""A PIN by keypad or, where it has letters, by keyboard: as every screen that asks for one shows it. It never comes
here.

A PIN is what `hsm.pin` says it is, whichever program made it; so whatever PIN a wallet has, it can be typed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from kivy.uix.widget import Widget

from app.window.screen import Screen
from app.window.theme import BODY, HEADLINE
from app.window.widgets.boxes import Gap
from app.window.widgets.buttons import Action, plain, strong
from app.window.widgets.field import SecretField
from app.window.widgets.keypad import Keypad, PinDots
from app.window.widgets.page import Back, page
from app.window.widgets.text import Text
from hsm.pin import MIN_PIN_CHARACTERS

V = TypeVar("V")


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
    """``length`` reads from a view how many signs were typed; ``is_closed`` while no PIN is taken."""
    kit = screen.kit

    def put_action(action: Action, view: V) -> None:
        action.disabled = is_closed or length(view) < MIN_PIN_CHARACTERS

    action = screen.follow(strong(kit, "pin-confirm", confirm_text, confirm), put_action)
    dots = screen.follow(PinDots(kit, 0), lambda dots, view: setattr(dots, "length", length(view)))
    parts = [*above, Gap()]
    if line:
        parts += [Text(kit, line, BODY, kit.colours.quiet, halign="center"), Gap()]
    asking = Text(kit, ask, HEADLINE, halign="center", name="pin-ask")

    def turn() -> None:
        screen.types_letters = not screen.types_letters
        for _ in range(length(screen.view)):
            erase()
        screen.draw_anew()

    if screen.types_letters and not is_closed:
        letters = SecretField(kit, "pin-letters", screen.say("app_start.pin_letters"), press, erase, confirm)
        digits = plain(kit, "pin-digits", screen.say("app_start.pin_digits"), turn, "dialpad")
        return page(kit, title, parts, [asking, dots, letters, digits, action], back=back, gap=12)
    keypad = Keypad(kit, press, erase, has_comma=False, letters=None if is_closed else turn)
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
    elif sign == "enter" and length >= MIN_PIN_CHARACTERS:
        confirm()
    else:
        return False
    return True
