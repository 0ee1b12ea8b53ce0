"""What the camera sees, small: the newest picture, drawn in the window's thread when there is a newer one."""

from __future__ import annotations

from typing import Any

from kivy.clock import Clock
from kivy.graphics import (
    Color,
    Rectangle,
    RoundedRectangle,
    StencilPop,
    StencilPush,
    StencilUnUse,
    StencilUse,
)
from kivy.graphics.texture import Texture
from kivy.metrics import dp
from kivy.properties import NumericProperty, StringProperty
from kivy.uix.widget import Widget

from app.window.contract import Camera
from app.window.kit import Kit

PICTURES_A_SECOND = 12


class Preview(Widget):
    """Fills its room with the middle of the picture."""

    name = StringProperty("preview")
    pictures = NumericProperty(0)

    def __init__(self, kit: Kit, camera: Camera, **options: Any) -> None:
        super().__init__(**options)
        self._camera = camera
        self._number = -1
        self._texture: Texture | None = None
        with self.canvas:
            # Kivy draws the whole of a texture into a rounded shape, and never a part: the shape is a mask.
            StencilPush()
            masks = [RoundedRectangle(radius=[dp(16)])]
            StencilUse()
            self._ink = Color(*kit.colours.raised.ground)
            self._shape = Rectangle()
            StencilUnUse()
            masks.append(RoundedRectangle(radius=[dp(16)]))
            StencilPop()
        self._shapes = (self._shape, *masks)
        self.bind(pos=self._place, size=self._place)
        self._tick = Clock.schedule_interval(self._look, 1 / PICTURES_A_SECOND)

    @property
    def text(self) -> str:
        """How many pictures were drawn."""
        return str(int(self.pictures))

    def put_away(self) -> None:
        """Look no more."""
        self._tick.cancel()

    def _look(self, _: float) -> None:
        picture = self._camera.latest()
        if picture is None or picture.number == self._number:
            return
        size = (picture.width, picture.height)
        if self._texture is None or tuple(self._texture.size) != size:
            self._texture = Texture.create(size=size, colorfmt="luminance")
        self._texture.blit_buffer(picture.gray, colorfmt="luminance", bufferfmt="ubyte")
        self._number, self._ink.rgba = picture.number, (1, 1, 1, 1)
        self._place()
        self.canvas.ask_update()
        self.pictures += 1

    def _place(self, *_: Any) -> None:
        for shape in self._shapes:
            shape.pos, shape.size = self.pos, self.size
        if self._texture is None or not self.width or not self.height:
            return
        across, down = self._texture.size
        scale = min(across / self.width, down / self.height)
        width, height = self.width * scale, self.height * scale
        middle = self._texture.get_region((across - width) / 2, (down - height) / 2, width, height)
        middle.flip_vertical()
        self._shape.texture = middle
