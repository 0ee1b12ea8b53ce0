"""A message shown as a QR code: whole pixels for every module, black on white in either look, moving if it is long."""

from __future__ import annotations

from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, Rectangle, SmoothRoundedRectangle
from kivy.graphics.texture import Texture
from kivy.metrics import dp
from kivy.properties import NumericProperty, StringProperty
from kivy.uix.widget import Widget

from app.presenters.views.carrying import Shown
from app.presenters.views.settings import Pace
from app.window.kit import Kit
from app.window.widgets.reel import Reel, Still

LARGEST = 520
"""dp; a larger code is no easier to scan."""
_UNTIL_FIRST = 1 / 60


class Code(Widget):
    """As high as it is wide. ``frames`` counts the codes shown since the message came."""

    name = StringProperty("code")
    frames = NumericProperty(0)

    def __init__(self, kit: Kit, pace: Pace) -> None:
        super().__init__(size_hint_y=None)
        self._pace = pace
        self._shown: Shown | None = None
        self._reel: Reel | None = None
        self._still: Still | None = None
        self._texture: Texture | None = None
        self._tick: Any = None
        self._is_over = False
        with self.canvas:
            Color(*kit.colours.paper.ground)
            self._paper = SmoothRoundedRectangle(radius=[dp(12)])
            self._ink = Color(1, 1, 1, 0)
            self._picture = Rectangle()
        self.bind(width=self._square, pos=self._place, size=self._place)

    @property
    def text(self) -> str:
        """How many codes were shown."""
        return str(int(self.frames))

    def show(self, shown: Shown | None) -> None:
        """Begin with another message, go on with the same one."""
        if shown == self._shown:
            return
        self._stop()
        self._shown, self.frames = shown, 0
        self._ink.a = 0
        self._start()

    def put_away(self) -> None:
        """Show no further code."""
        self._stop()
        self._is_over = True

    def _start(self) -> None:
        if self._shown is None or self._is_over:
            return
        self._reel = Reel(self._shown.message, self._pace, is_still=self._shown.is_still)
        self._tick = Clock.schedule_interval(self._first, _UNTIL_FIRST)

    def _stop(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
        if self._reel is not None:
            self._reel.end()
        self._tick = self._reel = None

    def _first(self, _: float) -> bool:
        if self._reel is None or not self._next():
            return True
        if self._reel.is_moving:
            self._tick = Clock.schedule_interval(lambda _: self._next() and None, 1 / self._reel.fps)
        return False

    def _next(self) -> bool:
        picture = self._reel.next() if self._reel else None
        if picture is None:
            return False
        if self._texture is None or self._texture.width != picture.side:
            self._texture = Texture.create(size=(picture.side, picture.side), colorfmt="luminance")
            self._texture.mag_filter = self._texture.min_filter = "nearest"
            self._texture.flip_vertical()
            self._picture.texture = self._texture
        self._texture.blit_buffer(picture.gray, colorfmt="luminance", bufferfmt="ubyte")
        self._still, self._ink.a = picture, 1
        self._place()
        self.canvas.ask_update()
        self.frames += 1
        return True

    def _square(self, *_: Any) -> None:
        self.height = min(self.width, dp(LARGEST))

    def _place(self, *_: Any) -> None:
        side = min(self.width, dp(LARGEST))
        if self._still is not None:
            modules = self._still.side
            side = max(int(side // modules), 1) * modules
            self.height = side
        corner = (int(self.x + (self.width - side) / 2), int(self.y + (self.height - side) / 2))
        for shape in (self._paper, self._picture):
            shape.pos, shape.size = corner, (side, side)
