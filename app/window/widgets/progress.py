"""Work under way: a line that fills, or runs where nobody can count."""

from __future__ import annotations

from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, SmoothRoundedRectangle
from kivy.metrics import dp
from kivy.properties import NumericProperty, StringProperty
from kivy.uix.widget import Widget

from app.window.kit import Kit

RUNNING = -1.0
_STEPS_A_SECOND = 15
_PART = 0.3
"""Of the line, that runs along it."""


class Line(Widget):
    """``share`` 0 to 1, or RUNNING."""

    name = StringProperty("progress")
    share = NumericProperty(RUNNING)

    def __init__(self, kit: Kit, share: float = RUNNING) -> None:
        super().__init__(size_hint_y=None, height=dp(8))
        self._phase = 0.0
        self._tick: Any = None
        self._is_over = False
        with self.canvas:
            Color(*kit.colours.raised.ground)
            self._track = SmoothRoundedRectangle(radius=[dp(4)])
            Color(*kit.colours.accent)
            self._bar = SmoothRoundedRectangle(radius=[dp(4)])
        self.bind(pos=self._draw, size=self._draw, share=self._change)
        self.share = share
        self._change()

    @property
    def text(self) -> str:
        """Per cent, or nothing where nobody can count."""
        return "" if self.share < 0 else str(round(self.share * 100))

    def put_away(self) -> None:
        """Run no more."""
        self._is_over = True
        self._change()

    def _change(self, *_: Any) -> None:
        is_running = self.share < 0 and not self._is_over
        if is_running and self._tick is None:
            self._tick = Clock.schedule_interval(self._run, 1 / _STEPS_A_SECOND)
        elif not is_running and self._tick is not None:
            self._tick.cancel()
            self._tick = None
        self._draw()

    def _run(self, _: float) -> None:
        self._phase = (self._phase + 0.05) % (1 + _PART)
        self._draw()

    def _draw(self, *_: Any) -> None:
        self._track.pos, self._track.size = self.pos, self.size
        begin, end = (self._phase - _PART, self._phase) if self.share < 0 else (0.0, min(self.share, 1.0))
        left, right = self.x + self.width * max(begin, 0), self.x + self.width * min(end, 1)
        self._bar.pos, self._bar.size = (left, self.y), (max(right - left, 0), self.height)
