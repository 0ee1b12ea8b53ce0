"""When something is drawn anew: once in a frame, after its touches and before its picture.

Rule: a touch is never lost, and means what was shown when it began. A frame has three parts: news, touches, layout with
the picture. What were drawn with the news would have no places yet when the touches are handed out: a finger that came
down in that frame would touch nothing, or what happens to lie in the corner. So news only ask for a drawing. Nor is
anything drawn below a finger, unless it rests for too long to be a touch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kivy.clock import Clock
from kivy.uix.widget import Widget

from app.window.widgets.holding import is_held

_LONGEST: Final = 2.0
"""Seconds that a finger keeps a page from being drawn anew."""


class Anew:
    """One ``draw`` for all that is asked for in a frame. ``root``: below which no finger may be."""

    def __init__(self, root: Widget, draw: Callable[[], None]) -> None:
        self._root, self._draw = root, draw
        self._before_picture = Clock.create_trigger(self._look, -1)
        self._next_frame = Clock.create_trigger(self._arm, 0)
        self._frame = 0
        self._end: float | None = None

    def ask(self, *, though_held: bool = False) -> None:
        """``though_held``: a person's own touch leads elsewhere; whatever else is touched there means nothing."""
        if though_held:
            self._end = 0.0
        elif self._end is None:
            self._end = Clock.get_boottime() + _LONGEST
        self._arm()

    def _arm(self, *_: float) -> None:
        self._frame = Clock.frames
        self._before_picture()

    def _look(self, _: float) -> None:
        if self._frame != Clock.frames:
            self._arm()  # Asked for between two frames: Kivy calls that among the news of the next.
        elif self._end is not None and Clock.get_boottime() <= self._end and is_held(self._root):
            self._next_frame()
        else:
            self._end = None
            self._draw()
