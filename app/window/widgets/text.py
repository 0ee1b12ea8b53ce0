"""Text that is never cut off: it wraps to the width it is given or takes what it needs, and is as high as it is."""

from __future__ import annotations

from typing import Any

from kivy.core.text import Label as CoreLabel
from kivy.properties import NumericProperty, StringProperty
from kivy.uix.label import Label
from kivymd.icon_definitions import md_icons

from app.window.fonts import ICONS
from app.window.kit import Kit
from app.window.theme import BODY, Colour, Type


class Text(Label):
    """Wraps to its width; the height follows. ``name`` is what a test finds it by."""

    name = StringProperty("")

    def __init__(
        self, kit: Kit, text: str, kind: Type = BODY, colour: Colour | None = None, **options: Any
    ) -> None:
        options.setdefault("halign", "left")
        super().__init__(
            text=text,
            font_name=kind.font,
            font_size=kit.theme.size(kind),
            line_height=kind.line,
            color=colour or kit.colours.page.text,
            size_hint_y=None,
            **options,
        )
        self.bind(width=self._wrap, texture_size=self._fit)
        self._wrap()

    def _wrap(self, *_: Any) -> None:
        self.text_size = (self.width, None)

    def _fit(self, *_: Any) -> None:
        self.height = self.texture_size[1]


class FitText(Label):
    """As wide as its longest line, up to ``most`` pixels; then it wraps."""

    name = StringProperty("")
    most = NumericProperty(0)

    def __init__(
        self, kit: Kit, text: str, kind: Type = BODY, colour: Colour | None = None, **options: Any
    ) -> None:
        options.setdefault("halign", "center")
        super().__init__(
            text=text,
            font_name=kind.font,
            font_size=kit.theme.size(kind),
            line_height=kind.line,
            color=colour or kit.colours.page.text,
            size_hint=(None, None),
            **options,
        )
        self.bind(text=self._limit, most=self._limit, texture_size=self._fit)
        self._limit()

    def _limit(self, *_: Any) -> None:
        natural = natural_width(self.text, self.font_name, self.font_size)
        self.text_size = (self.most, None) if 0 < self.most < natural else (None, None)

    def _fit(self, *_: Any) -> None:
        self.size = self.texture_size


class BigText(Text):
    """One line that becomes smaller rather than wrap: amounts."""

    def __init__(self, kit: Kit, text: str, kind: Type, colour: Colour | None = None, **options: Any) -> None:
        self._largest = kit.theme.size(kind)
        super().__init__(kit, text, kind, colour, **options)
        self.bind(text=self._shrink, width=self._shrink)
        self._shrink()

    def _shrink(self, *_: Any) -> None:
        natural = natural_width(self.text, self.font_name, self._largest)
        # Drawn letter by letter a line can be a little wider than it measures.
        room = max(self.width * 0.98 - 4, 1)
        self.font_size = self._largest if natural <= room else max(int(self._largest * room / natural), 10)


class Icon(Label):
    """A sign of Material Design's icons; never the only one to say something."""

    name = StringProperty("")
    icon = StringProperty("")

    def __init__(
        self, kit: Kit, icon: str, points: float = 24, colour: Colour | None = None, **options: Any
    ) -> None:
        size = kit.theme.grown(points)
        super().__init__(
            font_name=ICONS,
            font_size=size,
            color=colour or kit.colours.page.text,
            size_hint=(None, None),
            size=(size, size),
            halign="center",
            valign="middle",
            **options,
        )
        self.bind(icon=self._draw)
        self.icon = icon

    def _draw(self, *_: Any) -> None:
        self.text = md_icons[self.icon]


def natural_width(text: str, font: str, size: float) -> float:
    """Pixels of the longest line when nothing wraps."""
    measure = CoreLabel(font_name=font, font_size=size)
    measure.resolve_font_name()
    return max((float(measure.get_extents(line)[0]) for line in text.split("\n")), default=0.0)
