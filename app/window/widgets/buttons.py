"""What is touched: actions, icons to touch, rows to touch, choices and switches. Everything has a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.animation import Animation
from kivy.graphics import Color, SmoothEllipse, SmoothRoundedRectangle
from kivy.metrics import dp
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from app.window.kit import Kit
from app.window.theme import LABEL, LEAD, TOUCH, Colour, Ink, Type
from app.window.widgets.boxes import Row, paint
from app.window.widgets.text import FitText, Icon, Text, natural_width

Tapped = Callable[[], object]


class Touched(ButtonBehavior):
    """Darkens or lightens while it is pressed."""

    veil = NumericProperty(0.0)

    def lay_veil(self, colour: Colour, radius: float) -> None:
        with self.canvas.after:
            self._veil = Color(*colour[:3], 0)
            shape = SmoothRoundedRectangle(pos=self.pos, size=self.size, radius=[dp(radius)])

        def follow(*_: Any) -> None:
            shape.pos, shape.size = self.pos, self.size
            shape.radius = [min(dp(radius), self.height / 2, self.width / 2)]

        self.bind(pos=follow, size=follow, state=self._press, veil=self._lift)

    def _press(self, *_: Any) -> None:
        Animation.cancel_all(self, "veil")
        if self.state == "down":
            self.veil = 0.14
        else:
            Animation(veil=0.0, d=0.2).start(self)

    def _lift(self, *_: Any) -> None:
        self._veil.a = self.veil


class Action(Touched, AnchorLayout):
    """A button with words, and an icon if it helps. As high as its words need."""

    name = StringProperty("")
    text = StringProperty("")

    def __init__(
        self,
        kit: Kit,
        name: str,
        text: str,
        tapped: Tapped,
        *,
        ink: Ink | None = None,
        icon: str | None = None,
        kind: Type = LEAD,
        edge: Colour | None = None,
        **options: Any,
    ) -> None:
        super().__init__(size_hint_y=None, height=dp(TOUCH + 6), **options)
        self.name, self.text = name, text
        ink = ink or kit.colours.strong
        self._label = FitText(kit, text, kind, ink.text)
        self._icon = Icon(kit, icon, 22, ink.text) if icon else None
        parts = [self._icon, self._label] if self._icon else [self._label]
        self._row = Row(*parts, gap=10, size_hint_x=None)
        self._row.bind(minimum_width=self._row.setter("width"), height=self._grow)
        self.add_widget(self._row)
        self._ink, self._closed_ink = ink, Ink(kit.colours.raised.ground, (*kit.colours.quiet[:3], 0.75))
        self._ground = paint(self, ink.ground, edge, 28)
        self.lay_veil(ink.text, 28)
        self.bind(width=self._limit, text=self._say, disabled=self._fade)
        self.bind(on_release=lambda *_: tapped())

    def _limit(self, *_: Any) -> None:
        """Where the icon leaves too little room for a word, it goes."""
        label, icon = self._label, self._icon
        room = self.width - dp(24)
        if icon is not None:
            beside = room - icon.width - dp(10)
            longest = max(
                natural_width(word, label.font_name, label.font_size) for word in self.text.split(" ")
            )
            if (icon.parent is not None) != (longest <= beside):
                self._row.clear_widgets()
                self._row.stand(*([icon, label] if longest <= beside else [label]))
            room = beside if longest <= beside else room
        label.most = max(room, dp(20))

    def _grow(self, *_: Any) -> None:
        self.height = max(dp(TOUCH + 6), self._row.height + dp(20))

    def _say(self, *_: Any) -> None:
        self._label.text = self.text

    def _fade(self, *_: Any) -> None:
        ink = self._closed_ink if self.disabled else self._ink
        self._ground.rgba = ink.ground
        for part in (self._label, self._icon):
            if part is not None:
                part.color = part.disabled_color = ink.text


def strong(kit: Kit, name: str, text: str, tapped: Tapped, icon: str | None = None) -> Action:
    """The one thing to do here."""
    return Action(kit, name, text, tapped, icon=icon)


def soft(kit: Kit, name: str, text: str, tapped: Tapped, icon: str | None = None) -> Action:
    """Another thing that is often done here."""
    return Action(kit, name, text, tapped, ink=kit.colours.soft, icon=icon)


def plain(kit: Kit, name: str, text: str, tapped: Tapped, icon: str | None = None) -> Action:
    """What is done seldom, or leads away."""
    ink = Ink((0, 0, 0, 0), kit.colours.accent)
    return Action(kit, name, text, tapped, ink=ink, icon=icon, kind=LABEL)


class IconButton(Touched, AnchorLayout):
    """An icon to touch; ``text`` is what it means, for whoever asks."""

    name = StringProperty("")
    text = StringProperty("")

    def __init__(
        self, kit: Kit, name: str, icon: str, text: str, tapped: Tapped, colour: Colour | None = None
    ) -> None:
        super().__init__(size_hint=(None, None), size=(dp(TOUCH), dp(TOUCH)))
        self.name, self.text = name, text
        self.add_widget(Icon(kit, icon, 24, colour))
        self.lay_veil(colour or kit.colours.page.text, 24)
        self.bind(on_release=lambda *_: tapped())


class TouchRow(Touched, Row):
    """A line of a list that leads somewhere or is chosen."""

    def __init__(
        self,
        kit: Kit,
        name: str,
        tapped: Tapped,
        *parts: Widget,
        ground: Colour | None = None,
        **options: Any,
    ) -> None:
        options.setdefault("pad", (14, 12, 14, 12))
        super().__init__(**options)
        self.stand(*parts)
        self.name = name
        if ground is not None:
            paint(self, ground, None, 16)
        self.lay_veil(kit.colours.page.text, 16)
        self.bind(on_release=lambda *_: tapped())

    def _grow(self, *_: Any) -> None:
        self.height = max(self.minimum_height, dp(TOUCH))


class Choice(Touched, Row):
    """One of several; a filled ring and the ground say that it is the chosen one."""

    text = StringProperty("")
    is_chosen = BooleanProperty(False)

    def __init__(self, kit: Kit, name: str, text: str, tapped: Tapped, is_chosen: bool) -> None:
        ink = kit.colours.soft if is_chosen else Ink((0, 0, 0, 0), kit.colours.page.text)
        icon = Icon(kit, "radiobox-marked" if is_chosen else "radiobox-blank", 22, ink.text)
        label = Text(kit, text, LABEL, ink.text)
        super().__init__(pad=(14, 10, 12, 10), gap=10)
        self.stand(icon, label)
        self.name, self.text, self.is_chosen = name, text, is_chosen
        paint(self, ink.ground, None if is_chosen else kit.colours.faint, 14)
        self.lay_veil(kit.colours.page.text, 14)
        self.bind(on_release=lambda *_: tapped())

    def _grow(self, *_: Any) -> None:
        self.height = max(self.minimum_height, dp(TOUCH))


class Chip(Touched, AnchorLayout):
    """Something that can be on or off, as wide as its words; a tick says that it is on."""

    name = StringProperty("")
    text = StringProperty("")
    is_on = BooleanProperty(False)

    def __init__(self, kit: Kit, name: str, text: str, icon: str, tapped: Tapped, is_on: bool) -> None:
        super().__init__(size_hint=(None, None))
        ink = kit.colours.soft if is_on else Ink((0, 0, 0, 0), kit.colours.quiet)
        self.name, self.text, self.is_on = name, text, is_on
        label = FitText(kit, text, LABEL, ink.text)
        row = Row(Icon(kit, "check" if is_on else icon, 18, ink.text), label, gap=6, size_hint_x=None)
        row.bind(minimum_width=row.setter("width"), size=self._fit)
        self.add_widget(row)
        paint(self, ink.ground, None if is_on else kit.colours.faint, 12)
        self.lay_veil(ink.text, 12)
        self.bind(on_release=lambda *_: tapped())

    def _fit(self, row: Row, *_: Any) -> None:
        self.size = (row.width + dp(24), max(dp(44), row.height + dp(14)))


class Lever(Widget):
    """The picture of a switch."""

    def __init__(self, kit: Kit, is_on: bool) -> None:
        super().__init__(size_hint=(None, None), size=(dp(52), dp(32)))
        colours = kit.colours
        ground = colours.strong.ground if is_on else colours.raised.ground
        knob = colours.strong.text if is_on else colours.line
        paint(self, ground, None if is_on else colours.line, 16)
        with self.canvas:
            Color(*knob)
            ellipse = SmoothEllipse()

        def follow(*_: Any) -> None:
            side = dp(22 if is_on else 16)
            middle = self.x + (self.width - dp(16) if is_on else dp(16))
            height = self.y + self.height / 2
            ellipse.size, ellipse.pos = (side, side), (middle - side / 2, height - side / 2)

        self.bind(pos=follow, size=follow)


class Toggle(Touched, BoxLayout):
    """A line with words and a lever; touching it anywhere turns it."""

    name = StringProperty("")
    text = StringProperty("")
    is_on = BooleanProperty(False)

    def __init__(
        self, kit: Kit, name: str, text: str, turned: Callable[[bool], object], is_on: bool, icon: str
    ) -> None:
        super().__init__(size_hint_y=None, height=dp(TOUCH + 8), padding=(dp(14), dp(8)), spacing=dp(12))
        self.name, self.text, self.is_on = name, text, is_on
        label = Text(kit, text, LEAD, kit.colours.page.text, pos_hint={"center_y": 0.5})
        label.bind(height=lambda *_: setattr(self, "height", max(dp(TOUCH + 8), label.height + dp(16))))
        mark = Icon(kit, icon, 24, kit.colours.quiet, pos_hint={"center_y": 0.5})
        lever = Lever(kit, is_on)
        lever.pos_hint = {"center_y": 0.5}
        for part in (mark, label, lever):
            self.add_widget(part)
        self.lay_veil(kit.colours.page.text, 16)
        self.bind(on_release=lambda *_: turned(not is_on))
