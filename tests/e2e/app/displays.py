"""Virtual displays and a mouse on them, as X has them; nothing of the app."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

MISSING: Final = tuple(name for name in ("Xvfb", "xdotool") if shutil.which(name) is None)
"""Programs that are not installed here."""


@contextmanager
def display() -> Iterator[str]:
    """A virtual display of its own, under a number that was free; gives its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x900x24", "-nolisten", "tcp"]
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


def _xdotool(name: str, *arguments: str) -> str:
    done = subprocess.run(
        ["xdotool", *arguments],
        env={**os.environ, "DISPLAY": name},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
