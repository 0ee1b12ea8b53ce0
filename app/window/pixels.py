"""Publishes what the window shows (see `publish`): reads the pixels back when a frame has been drawn."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.core.window import Window
from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels
from PIL import Image

from app.camera.publish import PICTURES_A_SECOND, Publication

_LEAST: Final = 1 / PICTURES_A_SECOND


def window_picture() -> Image.Image:
    """What has been drawn and is not yet flipped, RGBA. Call it from ``on_flip``."""
    width, height = (int(side) for side in Window.size)
    pixels = bytes(glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE))
    return Image.frombytes("RGBA", (width, height), pixels, "raw", "RGBA", 0, -1)


class WindowPixels:
    """Publishes from now on, until it is closed."""

    def __init__(self, path: Path) -> None:
        self._publication = Publication(path)
        self._written = 0.0
        self._late: Any = None
        Window.bind(on_flip=self._drawn)

    @property
    def sequence(self) -> int:
        """How many pictures were published."""
        return self._publication.sequence

    def close(self) -> None:
        Window.unbind(on_flip=self._drawn)
        self._publication.close()

    def _drawn(self, *_: Any) -> None:
        """A frame is ready and not yet flipped. Too soon after the last one, it is drawn once more later."""
        wait = self._written + _LEAST - time.monotonic()
        if wait > 0:
            if self._late is None:
                self._late = Clock.schedule_once(self._again, wait)
            return
        self._publication.write(window_picture())
        self._written = time.monotonic()

    def _again(self, _: float) -> None:
        self._late = None
        Window.canvas.ask_update()
