"""Whether a window can open here, found out without opening one.

The SDL that comes with Kivy's wheel draws by X11 (Wayland desktops show it by Xwayland), or into memory where
``SDL_VIDEODRIVER=offscreen`` asks for that.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from importlib.util import find_spec
from typing import Final

PARTS: Final = ("kivy", "kivymd", "cv2")


class DisplayTrouble(Enum):
    """Why no window can open; the catalogue's table ``app_run`` has a sentence for each."""

    NO_DISPLAY = "no_display"
    """Neither a desktop nor a forwarded display."""
    WAYLAND_ONLY = "wayland_only"
    """A Wayland desktop without Xwayland."""
    DISPLAY_CLOSED = "display_closed"
    """A display is named, and does not let us in."""
    X11_MISSING = "x11_missing"
    """The system's X11 library is not installed."""


def display_trouble(
    environment: Mapping[str, str],
    *,
    opens: Callable[[], bool | None] | None = None,
    platform: str = sys.platform,
) -> DisplayTrouble | None:
    """None where a window can open. ``opens`` tries the display that the process's environment names; None from it:
    there is nothing to try it with."""
    if platform != "linux" or environment.get("SDL_VIDEODRIVER") == "offscreen":
        return None
    if not environment.get("DISPLAY"):
        is_wayland = bool(environment.get("WAYLAND_DISPLAY"))
        return DisplayTrouble.WAYLAND_ONLY if is_wayland else DisplayTrouble.NO_DISPLAY
    is_open = (opens or x11_opens)()
    if is_open is None:
        return DisplayTrouble.X11_MISSING
    return None if is_open else DisplayTrouble.DISPLAY_CLOSED


def x11_opens() -> bool | None:
    """Whether the display in ``DISPLAY`` lets us in; None where there is no libX11."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return None
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if not display:
        return False
    x11.XCloseDisplay(display)
    return True


def missing_parts() -> tuple[str, ...]:
    """What of the extra ``app`` is not installed."""
    return tuple(part for part in PARTS if find_spec(part) is None)
