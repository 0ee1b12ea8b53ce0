"""A line of text that a person types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.clock import Clock
from kivy.metrics import dp
from kivy.properties import StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.textinput import TextInput
from kivy.uix.widget import Widget

from app.window.fonts import REGULAR
from app.window.kit import Kit
from app.window.theme import BODY, LABEL
from app.window.widgets.boxes import Column, paint
from app.window.widgets.text import Text


class Field(Column):
    """``changed`` is told the text after every letter, up to ``most_bytes`` of UTF-8. ``is_begun``: it has the keyboard
    as soon as it is there."""

    text = StringProperty("")

    def __init__(
        self,
        kit: Kit,
        name: str,
        label: str,
        text: str,
        changed: Callable[[str], object],
        most_bytes: int = 200,
        *,
        is_begun: bool = False,
    ) -> None:
        self._input = _Input(kit, name, text, most_bytes)
        edge = BoxLayout(size_hint_y=None)
        edge.add_widget(self._input)
        self._input.bind(height=edge.setter("height"))
        edge.height = self._input.height
        paint(edge, kit.colours.card.ground, kit.colours.line, 12)
        super().__init__(Text(kit, label, LABEL, kit.colours.quiet), edge, gap=6)
        self._input.bind(text=self.setter("text"))
        self._input.bind(text=lambda _, written: changed(written))
        if is_begun:
            # The touch that brought it here would take the keyboard from it again.
            Clock.schedule_once(lambda _: self._begin())

    def _begin(self) -> None:
        if self._input.get_root_window() is not None:
            self._input.focus = True


class _Input(TextInput):
    name = StringProperty("")

    def __init__(self, kit: Kit, name: str, text: str, most_bytes: int) -> None:
        colours = kit.colours
        super().__init__(
            text=text,
            multiline=False,
            write_tab=False,
            font_name=REGULAR,
            font_size=kit.theme.size(BODY),
            background_normal="",
            background_active="",
            background_color=(0, 0, 0, 0),
            foreground_color=colours.raised.text,
            cursor_color=colours.accent,
            selection_color=(*colours.accent[:3], 0.3),
            padding=(dp(14), dp(14), dp(14), dp(14)),
            size_hint_y=None,
        )
        self.name, self._most_bytes = name, most_bytes
        self.height = max(self.minimum_height, dp(50))

    def put_away(self) -> None:
        """A field that is gone would keep the keyboard."""
        self.focus = False

    def insert_text(self, substring: str, from_undo: bool = False) -> Any:
        """Letters that would make it too long are not taken."""
        room = self._most_bytes - len(self.text.encode())
        while len(substring.encode()) > room:
            substring = substring[:-1]
        return super().insert_text(substring, from_undo=from_undo)


def is_typing(root: Widget) -> bool:
    """Whether a field below ``root`` has the keyboard."""
    return any(isinstance(widget, TextInput) and widget.focus for widget in root.walk())
