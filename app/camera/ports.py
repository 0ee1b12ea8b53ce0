"""What a camera is: pictures, one after the other, until it is closed. And why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

MAX_SIDE: Final = 8_192
"""Pixels; a picture that is wider or higher is no camera's."""


@dataclass(frozen=True, slots=True)
class Picture:
    """``gray``: one byte a pixel, 0 black to 255 white, rows from the top. ``number`` grows with every picture of a
    source."""

    number: int
    width: int
    height: int
    gray: bytes = field(repr=False)


class FrameSource(Protocol):
    """Used by one thread. Opening one has shown that it is there."""

    def read(self) -> Picture | None:
        """The newest picture, or None where there is no new one yet; returns within a camera's picture or two.
        ``CameraError`` ends it: close it, and open it anew."""

    def close(self) -> None:
        """Let go of the device or file. Again is success."""


class CameraTrouble(Enum):
    """Why there are no pictures; the catalogue's table ``app_camera`` has a sentence for each."""

    NAME_UNKNOWN = "name_unknown"
    """The name means no camera."""
    NOT_FOUND = "not_found"
    """No such camera, file or folder."""
    NOT_ALLOWED = "not_allowed"
    """It is there, and this user may not use it."""
    NO_PICTURES = "no_pictures"
    """It is there and gives none: another program has it, or it is no picture or video."""
    LOST = "lost"
    """It gave pictures, and is gone."""
    WINDOW_CLOSED = "window_closed"
    """The window whose pixels are wanted is not open."""
    PACKAGE_MISSING = "package_missing"
    """OpenCV is not installed."""
    DECODER_MISSING = "decoder_missing"
    """Nothing is installed that reads QR codes."""


class CameraError(Exception):
    """``name`` gives no pictures, because of ``trouble``."""

    def __init__(self, trouble: CameraTrouble, name: str) -> None:
        super().__init__(f"{name}: {trouble.value}")
        self.trouble = trouble
        self.name = name


@dataclass(frozen=True, slots=True)
class Found:
    """A camera of this machine: ``name`` is what ``open_camera`` takes, ``title`` what its maker calls it."""

    name: str
    title: str
