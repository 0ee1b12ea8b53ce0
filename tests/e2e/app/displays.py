"""Virtual displays, a mouse on them and a camera before them, as X has them; nothing of the app."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image

MISSING: Final = tuple(name for name in ("Xvfb", "xdotool") if shutil.which(name) is None)
"""Programs that are not installed here."""


@contextmanager
def display(memory: Path) -> Iterator[str]:
    """A virtual display of its own, under a number that was free; gives its name. ``memory``: an empty folder, in which
    it keeps the pixels of its screen."""
    memory.mkdir()
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x900x24", "-nolisten", "tcp"]
    command += ["-fbdir", str(memory)]
    with open(reading) as number:
        server = subprocess.Popen(
            command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(writing)
        try:
            named = number.readline().strip()
            assert named, "Xvfb did not start"
            yield f":{named}"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def camera_before(memory: Path, picture: Path) -> Iterator[None]:
    """A camera before the screen of a display: ``picture`` (a PNG) is what it shows, ten times a second."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            _photograph(memory / "Xvfb_screen0", picture)
            over.wait(0.1)

    _photograph(memory / "Xvfb_screen0", picture)
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _photograph(screen: Path, picture: Path) -> None:
    """A screen is a window dump of X (X11/XWDFile.h, version 7): big-endian words, colours, rows of pixels."""
    dump = screen.read_bytes()
    words = struct.unpack(">25I", dump[:100])
    header, width, height, row, colours = words[0], words[4], words[5], words[12], words[19]
    pixels = dump[header + 12 * colours :]
    image = Image.frombuffer("RGB", (width, height), pixels, "raw", "BGRX", row, 1)
    new = picture.with_suffix(".new")
    image.convert("L").save(new, "PNG", compress_level=1)
    new.replace(picture)


def windows_on(name: str) -> dict[str, tuple[int, int, int, int]]:
    """The windows that can be seen on a display, by number: left, top, width, height."""
    found = {}
    for window in _xdotool(name, "search", "--onlyvisible", "--maxdepth", "2", "--class", ".").split():
        lines = _xdotool(name, "getwindowgeometry", "--shell", window).splitlines()
        at = dict(line.split("=") for line in lines)
        found[window] = (int(at["X"]), int(at["Y"]), int(at["WIDTH"]), int(at["HEIGHT"]))
    return found


def click(name: str, seen: dict[str, Any]) -> None:
    """Move the pointer of a display to a widget (as the driver tells of it) of its only window, and click."""
    ((left, top, _, height),) = windows_on(name).values()
    x, y = seen["centre"]
    _xdotool(name, "mousemove", "--sync", str(left + x), str(top + height - 1 - y), "click", "1")


def click_from_elsewhere(name: str, seen: dict[str, Any]) -> None:
    """As ``click``, by somebody who was in another window: with it the window comes to the front, as a desktop does."""
    ((window, (left, top, _, height)),) = windows_on(name).items()
    x, y = seen["centre"]
    at = (str(left + x), str(top + height - 1 - y))
    (root,) = _xdotool(name, "search", "--maxdepth", "0", "--name", ".*").split()[:1]
    _xdotool(name, "mousemove", "--sync", *at, "windowfocus", root)
    _xdotool(name, "windowfocus", window, "click", "1")


def type_on(name: str, text: str) -> None:
    """Type Latin letters, digits and signs by a display's keyboard, into whatever has it."""
    _xdotool(name, "type", "--delay", "12", text)


def _xdotool(name: str, *arguments: str) -> str:
    done = subprocess.run(
        ["xdotool", *arguments],
        env={**os.environ, "DISPLAY": name},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
