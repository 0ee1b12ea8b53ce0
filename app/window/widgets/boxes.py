"""Where things stand: columns and rows as high as what is in them, cards, a column in the middle, two panes."""

from __future__ import annotations

from typing import Any

from kivy.graphics import Color, Rectangle, SmoothLine, SmoothRoundedRectangle
from kivy.metrics import dp
from kivy.properties import StringProperty
from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.stacklayout import StackLayout
from kivy.uix.widget import Widget

from app.window.theme import COLUMN, WIDE, Colour


class Column(BoxLayout):
    """From top to bottom, as high as its parts."""

    name = StringProperty("")

    def __init__(self, *parts: Widget, gap: float = 12, pad: Any = 0, **options: Any) -> None:
        padding = [dp(side) for side in pad] if isinstance(pad, (list, tuple)) else dp(pad)
        super().__init__(
            orientation="vertical", spacing=dp(gap), padding=padding, size_hint_y=None, **options
        )
        self.bind(minimum_height=self._grow)
        for part in parts:
            self.add_widget(part)

    def _grow(self, *_: Any) -> None:
        self.height = self.minimum_height


class Row(BoxLayout):
    """From left to right, as high as its highest part; the parts stand at half height."""

    name = StringProperty("")

    def __init__(self, *parts: Widget, gap: float = 12, pad: Any = 0, **options: Any) -> None:
        padding = [dp(side) for side in pad] if isinstance(pad, (list, tuple)) else dp(pad)
        super().__init__(
            orientation="horizontal", spacing=dp(gap), padding=padding, size_hint_y=None, **options
        )
        self.bind(minimum_height=self._grow)
        self.stand(*parts)

    def stand(self, *parts: Widget) -> None:
        """Put further parts on the right."""
        for part in parts:
            if part.size_hint_y is None:
                part.pos_hint = {"center_y": 0.5}
            self.add_widget(part)

    def _grow(self, *_: Any) -> None:
        self.height = self.minimum_height


class Card(Column):
    """A column on a rounded ground, with an edge if asked for."""

    def __init__(
        self, *parts: Widget, ground: Colour, edge: Colour | None = None, radius: float = 18, **options: Any
    ) -> None:
        options.setdefault("pad", 16)
        super().__init__(*parts, **options)
        paint(self, ground, edge, radius)


def paint(widget: Widget, ground: Colour, edge: Colour | None = None, radius: float = 18) -> Color:
    """Give ``widget`` a rounded ground; returns the ground's colour, which may be changed."""
    with widget.canvas.before:
        colour = Color(*ground)
        # A smooth edge is drawn just outside: around a whole window or bar it would be a line.
        shape = SmoothRoundedRectangle() if radius else Rectangle()
        line = None
        if edge is not None:
            Color(*edge)
            line = SmoothLine(width=dp(1))

    def follow(*_: Any) -> None:
        shape.pos, shape.size = widget.pos, widget.size
        if radius:
            shape.radius = [min(dp(radius), widget.height / 2, widget.width / 2)]
        if line is not None:
            line.rounded_rectangle = (*widget.pos, *widget.size, min(dp(radius), widget.height / 2))

    widget.bind(pos=follow, size=follow)
    follow()
    return colour


class Gap(Widget):
    """Room: so many dp, or all that is left."""

    def __init__(self, height: float | None = None) -> None:
        super().__init__()
        self.stretches = height is None
        if height is not None:
            self.size_hint_y, self.height = None, dp(height)


class Middle(AnchorLayout):
    """Its one part in the middle, no wider than a column that reads well."""

    def __init__(self, part: Widget, widest: float = COLUMN, **options: Any) -> None:
        super().__init__(anchor_x="center", anchor_y="top", **options)
        self._part, self._widest = part, widest
        part.size_hint_x = None
        self.add_widget(part)
        self.bind(width=self._place)
        if part.size_hint_y is None:
            self.size_hint_y = None
            part.bind(height=self._grow)
            self._grow()

    def _place(self, *_: Any) -> None:
        self._part.width = min(self.width, dp(self._widest))

    def _grow(self, *_: Any) -> None:
        self.height = self._part.height


class Flow(StackLayout):
    """From left to right, and on in the next line: parts that each have a width of their own."""

    def __init__(self, *parts: Widget, gap: float = 8) -> None:
        super().__init__(spacing=dp(gap), size_hint_y=None)
        self.bind(minimum_height=self.setter("height"))
        for part in parts:
            self.add_widget(part)


class Panes(BoxLayout):
    """Two parts: one above the other in a narrow window, side by side in a wide one."""

    def __init__(self, first: Widget, second: Widget, gap: float = 12) -> None:
        super().__init__(spacing=dp(gap), size_hint_y=None)
        self._gap = gap
        for part in (first, second):
            self.add_widget(part)
        self.bind(minimum_height=self._grow, width=self._turn)
        self._turn()

    def _turn(self, *_: Any) -> None:
        is_wide = self.width >= dp(WIDE - 80)
        self.orientation = "horizontal" if is_wide else "vertical"
        self.spacing = dp(32 if is_wide else self._gap)
        for part in self.children:
            part.pos_hint = {"top": 1} if is_wide else {}

    def _grow(self, *_: Any) -> None:
        self.height = self.minimum_height
