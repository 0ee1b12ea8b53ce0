"""A keypad for amounts and PINs, and the dots that show how much of a PIN was typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.graphics import Color, SmoothEllipse, SmoothLine
from kivy.metrics import dp
from kivy.properties import NumericProperty, StringProperty
from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.gridlayout import GridLayout
from kivy.uix.widget import Widget

from app.window.kit import Kit
from app.window.theme import HEADLINE
from app.window.widgets.boxes import Middle, paint
from app.window.widgets.buttons import Touched
from app.window.widgets.text import FitText, Icon

KEY_HEIGHT = 50
SHOWN_DOTS = 4
"""So many places are shown from the start: the shortest PIN."""
MOST_DOTS = 14
"""So many fit; a longer PIN shows no more."""


class Key(Touched, AnchorLayout):
    """One key."""

    name = StringProperty("")
    text = StringProperty("")

    def __init__(
        self, kit: Kit, name: str, sign: Widget, tapped: Callable[[], object], *, when: str = "on_press"
    ) -> None:
        # Digits grow with the type, keys do not: a keypad of larger ones would leave no room for the amount.
        super().__init__(size_hint_y=None, height=dp(KEY_HEIGHT))
        self.name = name
        self.text = sign.text if isinstance(sign, FitText) else ""
        self.add_widget(sign)
        paint(self, kit.colours.card.ground, None, 16)
        self.lay_veil(kit.colours.page.text, 16)
        self.bind(**{when: lambda *_: tapped()})


class Keypad(Middle):
    """Digits, a comma if ``has_comma``, a key for ``letters`` if there are to be any, and one that takes the last sign
    back."""

    def __init__(
        self,
        kit: Kit,
        press: Callable[[str], object],
        erase: Callable[[], object],
        *,
        has_comma: bool,
        letters: Callable[[], object] | None = None,
    ) -> None:
        grid = GridLayout(cols=3, spacing=dp(8), size_hint_y=None)
        grid.bind(minimum_height=grid.setter("height"))
        for sign in "123456789":
            grid.add_widget(self._key(kit, sign, press))
        if has_comma:
            grid.add_widget(self._key(kit, ",", press))
        elif letters is not None:
            # On release: a finger that is still down would take the keyboard from the field that comes.
            sign = Icon(kit, "keyboard-outline", 24)
            grid.add_widget(Key(kit, "keypad-letters", sign, letters, when="on_release"))
        else:
            grid.add_widget(Widget(size_hint_y=None, height=1))
        grid.add_widget(self._key(kit, "0", press))
        grid.add_widget(Key(kit, "keypad-erase", Icon(kit, "backspace-outline", 24), erase))
        super().__init__(grid, widest=400)

    @staticmethod
    def _key(kit: Kit, sign: str, press: Callable[[str], object]) -> Key:
        name = "keypad-comma" if sign == "," else f"keypad-{sign}"
        return Key(kit, name, FitText(kit, sign, HEADLINE), lambda: press(sign))


class PinDots(Widget):
    """A filled dot for each sign typed, a ring for each that is at least missing."""

    name = StringProperty("pin-dots")
    length = NumericProperty(0)

    def __init__(self, kit: Kit, length: int) -> None:
        super().__init__(size_hint_y=None, height=dp(36))
        self._kit = kit
        self.bind(pos=self._draw, size=self._draw, length=self._draw)
        self.length = length
        self._draw()

    @property
    def text(self) -> str:
        """How many, never which."""
        return str(self.length)

    def _draw(self, *_: Any) -> None:
        self.canvas.clear()
        count = min(max(self.length, SHOWN_DOTS), MOST_DOTS)
        side, step = dp(14), dp(28) if count <= 10 else dp(22)
        left = self.x + self.width / 2 - (count - 1) * step / 2
        height = self.y + self.height / 2
        with self.canvas:
            for place in range(count):
                middle = left + place * step
                if place < self.length:
                    Color(*self._kit.colours.accent)
                    SmoothEllipse(pos=(middle - side / 2, height - side / 2), size=(side, side))
                else:
                    Color(*self._kit.colours.line)
                    SmoothLine(circle=(middle, height, side / 2 - 1), width=dp(1.1))
