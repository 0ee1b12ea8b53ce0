"""What every screen is: a root widget that follows a presenter's view while it is entered.

Rule: a screen is drawn anew only when its shape changes; in between, what has changed is put into the widgets that are
there, so that a finger on a button or a cursor in a field is not disturbed by news from the camera. When it is drawn
anew, app.window.anew says. Whoever types when it is drawn anew goes on typing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from app.presenters.views.settings import Pace
from app.window.anew import Anew
from app.window.contract import Camera, Watched
from app.window.kit import Kit
from app.window.widgets.field import field_in_hand, hand_over
from app.window.widgets.putting_away import put_away

V = TypeVar("V")
W = TypeVar("W", bound=Widget)


class Navigator(Protocol):
    """Where a screen can lead; names are those of app.window.shell.PLACES."""

    def go(self, place: str) -> None: ...

    def back(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a screen stands in."""

    kit: Kit
    navigator: Navigator
    camera: Camera | None
    pace: Pace = Pace.NORMAL


class Screen(ABC, Generic[V]):
    """Subclasses say what a view looks like (`draw`) and which change of it needs another drawing (`shape`)."""

    def __init__(self, surroundings: Surroundings, presenter: Watched[V]) -> None:
        self.around = surroundings
        self.kit = surroundings.kit
        self.say = surroundings.kit.say
        self.root = BoxLayout(orientation="vertical")
        self._presenter = presenter
        self._followers: list[Callable[[V], None]] = []
        self._shape: Hashable = None
        self._is_drawn = self._is_entered = False
        self._stop: Callable[[], None] | None = None
        self._anew = Anew(self.root, self._draw_anew)
        self.types_letters = False
        """A PIN is typed by keyboard."""

    @property
    def view(self) -> V:
        return self._presenter.view

    def enter(self) -> None:
        """Begin to follow the presenter."""
        if self._stop is None:
            self._is_entered = True
            self._stop = self._presenter.watch(self._show)

    def leave(self) -> None:
        """The screen is no longer shown; it may be entered again."""
        self._is_entered = False
        if self._stop is not None:
            self._stop()
            self._stop = None

    def abandon(self) -> None:
        """The person goes elsewhere: what was told of this visit is not told of the next. Not called when the screen is
        only drawn anew."""
        self._presenter.forget()

    def back(self) -> bool:
        """The way back was asked for; False where the screen has none of its own."""
        return False

    def key(self, sign: str) -> bool:
        """A key of a keyboard: a digit, ",", "erase" or "enter". Whether it meant something here."""
        return False

    @abstractmethod
    def shape(self, view: V) -> Hashable: ...

    @abstractmethod
    def draw(self, view: V) -> Widget: ...

    def follow(self, widget: W, put: Callable[[W, V], None]) -> W:
        """Put something of every view into ``widget``, until the next drawing."""
        self._followers.append(lambda view: put(widget, view))
        return widget

    def _show(self, view: V) -> None:
        if not self._is_entered:
            return  # Another watcher of the same news has led elsewhere.
        if not self._is_drawn:
            self._draw(view)
        elif self.shape(view) != self._shape:
            self._anew.ask()
        else:
            self._feed(view)

    def _feed(self, view: V) -> None:
        for put in tuple(self._followers):
            put(view)

    def _draw(self, view: V) -> None:
        held = field_in_hand(self.root)
        self._followers.clear()
        put_away(self.root)
        self.root.clear_widgets()
        self._shape, self._is_drawn = self.shape(view), True
        self.root.add_widget(self.draw(view))
        hand_over(self.root, held)
        self._feed(view)

    def _draw_anew(self) -> None:
        if self._is_entered:
            self._draw(self.view)

    def draw_anew(self) -> None:
        """Though its shape is the same."""
        self._anew.ask()
