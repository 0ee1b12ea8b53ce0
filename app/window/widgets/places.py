"""Where one can go at any time: a bar below in a narrow window, a rail on the left in a wide one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kivy.metrics import dp
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from app.window.kit import Kit
from app.window.theme import TINY
from app.window.widgets.boxes import Column, paint
from app.window.widgets.buttons import Touched
from app.window.widgets.text import FitText, Icon


@dataclass(frozen=True, slots=True)
class Place:
    """``name`` for whoever looks for it, the words, the sign, and the sign when it is here."""

    name: str
    text: str
    icon: str
    icon_here: str


class _Tab(Touched, AnchorLayout):
    name = StringProperty("")
    text = StringProperty("")
    is_here = BooleanProperty(False)

    def __init__(self, kit: Kit, place: Place, go: Callable[[], object], *, is_here: bool) -> None:
        super().__init__(size_hint_y=None)
        self.name, self.text, self.is_here = f"place-{place.name}", place.text, is_here
        colours = kit.colours
        colour = colours.soft.text if is_here else colours.quiet
        pill = AnchorLayout(size_hint=(None, None), size=(dp(64), kit.theme.grown(32)))
        pill.add_widget(Icon(kit, place.icon_here if is_here else place.icon, 24, colour))
        if is_here:
            paint(pill, colours.soft.ground, None, 20)
        holder = AnchorLayout(size_hint_y=None, height=pill.height)
        holder.add_widget(pill)
        label = FitText(kit, place.text, TINY, colours.page.text if is_here else colours.quiet)
        label.pos_hint = {"center_x": 0.5}
        column = Column(holder, label, gap=4)
        column.bind(height=lambda *_: setattr(self, "height", column.height + dp(16)))
        self.height = column.height + dp(16)
        self.bind(width=lambda *_: setattr(label, "most", self.width - dp(4)))
        self.add_widget(column)
        self.lay_veil(colours.page.text, 16)
        self.bind(on_release=lambda *_: go())


def bar(kit: Kit, places: Sequence[Place], here: str, go: Callable[[str], object]) -> Widget:
    """Below."""
    row = BoxLayout(size_hint_y=None, padding=(dp(8), 0))
    row.bind(minimum_height=row.setter("height"))
    for tab in _tabs(kit, places, here, go):
        row.add_widget(tab)
    paint(row, kit.colours.card.ground, None, 0)
    return row


def rail(kit: Kit, places: Sequence[Place], here: str, go: Callable[[str], object]) -> Widget:
    """On the left, from the top."""
    column = BoxLayout(orientation="vertical", size_hint_x=None, width=kit.theme.grown(96), spacing=dp(8))
    column.padding = (0, dp(16))
    for tab in _tabs(kit, places, here, go):
        column.add_widget(tab)
    column.add_widget(Widget())
    paint(column, kit.colours.card.ground, None, 0)
    return column


def _tabs(kit: Kit, places: Sequence[Place], here: str, go: Callable[[str], object]) -> list[Widget]:
    return [
        _Tab(kit, place, lambda name=place.name: go(name), is_here=place.name == here)  # type: ignore[misc]
        for place in places
    ]
