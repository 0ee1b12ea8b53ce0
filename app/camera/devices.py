"""Which camera a name means, and which this machine has.

| name | camera |
| --- | --- |
| `0`, `1`, … | a camera of this machine |
| `window:PATH` | what another window publishes; sandbox only |
| a folder, or a PNG, GIF, JPEG, WEBP or BMP file | its pictures, again and again |
| any other file | a video, again and again |
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final

from app.camera.folder import PictureFolder
from app.camera.pacing import Seconds
from app.camera.ports import CameraError, CameraTrouble, Found, FrameSource
from app.camera.published import PublishedWindow
from app.camera.video import WebCamera
from wallet.transport.qr.reader import SUFFIXES

WINDOW: Final = "window:"
_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_DEVICES: Final = Path("/dev")
_LISTED: Final = Path("/sys/class/video4linux")


def open_camera(name: str, *, seconds: Seconds = time.monotonic, devices: Path = _DEVICES) -> FrameSource:
    """Raises ``CameraError``."""
    if _NUMBER.fullmatch(name):
        return WebCamera(int(name), devices=devices, seconds=seconds)
    kind, _, rest = name.partition(":")
    if kind == WINDOW[:-1] and rest:
        return PublishedWindow(Path(rest))
    if not name or "\0" in name:
        raise CameraError(CameraTrouble.NAME_UNKNOWN, name)
    path = Path(name).expanduser()
    if not path.exists():
        is_path = "/" in name or bool(path.suffix)
        raise CameraError(CameraTrouble.NOT_FOUND if is_path else CameraTrouble.NAME_UNKNOWN, name)
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        return PictureFolder(path, seconds=seconds)
    return WebCamera(path, seconds=seconds)


def cameras(listed: Path = _LISTED) -> tuple[Found, ...]:
    """The cameras of this machine, by number; without opening any. Empty where the system does not list them."""
    found = [_found(folder) for folder in listed.glob("video*")] if listed.is_dir() else []
    return tuple(sorted((each for each in found if each is not None), key=lambda each: int(each.name)))


def _found(folder: Path) -> Found | None:
    """A camera has several nodes, of which the first gives pictures."""
    number = folder.name.removeprefix("video")
    if not _NUMBER.fullmatch(number) or _line(folder / "index") not in ("0", ""):
        return None
    return Found(number, _line(folder / "name") or folder.name)


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()[:80]
    except OSError:
        return ""
