"""A line of text that a person types.

Rule: whoever types goes on typing. A page that is drawn anew under the hand (a refusal goes, a list comes) takes the
very field over (`field_in_hand`, `hand_over`): a field that gives up the keyboard, be it for a moment, loses letters
that were typed and not read yet. Only another look or language makes another field (`go_on_typing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kivy.clock import Clock
from kivy.metrics import dp
from kivy.properties import StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.scrollview import ScrollView
from kivy.uix.textinput import TextInput
from kivy.uix.widget import Widget

from app.window.fonts import REGULAR
from app.window.kit import Kit
from app.window.theme import BODY, LABEL
from app.window.widgets.boxes import Column, paint
from app.window.widgets.text import Text


class Line(Column):
    """A line that can have the keyboard, below its label."""

    def __init__(self, kit: Kit, label: str, written: _Input) -> None:
        self._input, self.label = written, label
        edge = BoxLayout(size_hint_y=None, height=written.height)
        edge.add_widget(written)
        written.bind(height=edge.setter("height"))
        paint(edge, kit.colours.card.ground, kit.colours.line, 12)
        super().__init__(Text(kit, label, LABEL, kit.colours.quiet), edge, gap=6)

    @property
    def input_name(self) -> str:
        return str(self._input.name)

    @property
    def has_keyboard(self) -> bool:
        return bool(self._input.focus)

    def give_up(self) -> None:
        """The keyboard."""
        self._input.put_away()

    def begin(self) -> None:
        """Have the keyboard from the next frame on: the touch that brought it here would take it away again."""
        Clock.schedule_once(lambda _: self._begin())

    def _begin(self) -> None:
        if self._input.get_root_window() is not None:
            self._input.focus = True


class Field(Line):
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
        super().__init__(kit, label, _Input(kit, name, text, most_bytes, changed))
        self._input.bind(text=self.setter("text"))
        if is_begun:
            self.begin()


class _Input(TextInput):
    name = StringProperty("")

    def __init__(
        self, kit: Kit, name: str, text: str, most_bytes: int, changed: Callable[[str], object]
    ) -> None:
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
        self._changed, self._told, self._changes = changed, text, 0
        self.bind(text=lambda *_: self._tell(), line_height=lambda *_: self._fit())
        self._fit()

    def _fit(self) -> None:
        """As high as one line, however long the text is: what Kivy counts before it knows the width is not that. Of
        an empty line it knows the height a frame later only; too much room about it would leave none for the line."""
        self.height = max(self.line_height + dp(28), dp(50))
        above = (self.height - self.line_height) / 2
        self.padding = (dp(14), above, dp(14), above)

    def put_away(self) -> None:
        """A field that is gone would keep the keyboard."""
        self.focus = False

    def insert_text(self, substring: str, from_undo: bool = False) -> Any:
        """Letters that would make it too long are not taken."""
        room = self._most_bytes - len(self.text.encode())
        while len(substring.encode()) > room:
            substring = substring[:-1]
        with self._whole_change():
            return super().insert_text(substring, from_undo=from_undo)

    def do_backspace(self, from_undo: bool = False, mode: str = "bkspc") -> Any:
        """Kivy's, told when the cursor has moved too."""
        with self._whole_change():
            return super().do_backspace(from_undo=from_undo, mode=mode)

    @contextmanager
    def _whole_change(self) -> Iterator[None]:
        """Kivy tells of a new text before its cursor has moved; whoever draws the page anew then needs both."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes -= 1
            self._tell()

    def _tell(self) -> None:
        if not self._changes and self.text != self._told:
            self._told = self.text
            self._changed(self.text)


def field_in_hand(root: Widget) -> Line | None:
    """The field below ``root`` that has the keyboard, taken out of its page."""
    for widget in root.walk():
        if isinstance(widget, Line) and widget.has_keyboard:
            widget.parent.remove_widget(widget)
            return widget
    return None


def hand_over(root: Widget, held: Line | None) -> None:
    """Put ``held`` in the place of the new field of its name; without such a one it gives up the keyboard."""
    if held is None:
        return
    for widget in root.walk():
        if isinstance(widget, Line) and (widget.input_name, widget.label) == (held.input_name, held.label):
            above, at = widget.parent, widget.parent.children.index(widget)
            above.remove_widget(widget)
            above.add_widget(held, index=at)
            Clock.schedule_once(lambda _: _reveal(held), 0)
            return
    held.give_up()


class SecretField(Line):
    """Takes letters and keeps none: ``press`` is told each, ``erase`` that the last goes, ``entered`` that it is all.
    It has the keyboard as soon as it is there. What was typed shows elsewhere, as dots."""

    def __init__(
        self,
        kit: Kit,
        name: str,
        label: str,
        press: Callable[[str], object],
        erase: Callable[[], object],
        entered: Callable[[], object],
    ) -> None:
        super().__init__(kit, label, _Secret(kit, name, press, erase))
        self._input.bind(on_text_validate=lambda *_: entered())
        self.begin()


class _Secret(_Input):
    def __init__(
        self, kit: Kit, name: str, press: Callable[[str], object], erase: Callable[[], object]
    ) -> None:
        super().__init__(kit, name, "", 0, lambda _: None)
        self._press, self._erase = press, erase
        self.text_validate_unfocus = False

    def insert_text(self, substring: str, from_undo: bool = False) -> Any:
        """Nothing of it stays here: not in the text, not in what could be undone or copied."""
        for sign in substring:
            self._press(sign)

    def do_backspace(self, from_undo: bool = False, mode: str = "bkspc") -> Any:
        self._erase()


@dataclass(frozen=True, slots=True)
class Typing:
    """Which field has the keyboard, and where its cursor is."""

    name: str
    cursor: int


def typing_in(root: Widget) -> Typing | None:
    """Where a person types below ``root``."""
    for widget in root.walk():
        if isinstance(widget, _Input) and widget.focus:
            return Typing(widget.name, widget.cursor_index())
    return None


def go_on_typing(root: Widget, typing: Typing | None) -> None:
    """The field of that name below ``root``, if there still is one, has the keyboard, and is seen."""
    if typing is None:
        return
    for widget in root.walk():
        if isinstance(widget, _Input) and widget.name == typing.name and not widget.disabled:
            widget.focus = True
            widget.cursor = widget.get_cursor_from_index(min(typing.cursor, len(widget.text)))
            Clock.schedule_once(lambda _, field=widget: _reveal(field), 0)
            return


def _reveal(field: Widget) -> None:
    """Once the page has its sizes."""
    above = field.parent
    while above is not None and above is not above.parent:
        if isinstance(above, ScrollView):
            above.scroll_to(field, animate=False)
            return
        above = above.parent


def is_typing(root: Widget) -> bool:
    """Whether a field below ``root`` has the keyboard."""
    return any(isinstance(widget, TextInput) and widget.focus for widget in root.walk())
