"""What Kivy must find before it is imported: no argument parsing, no shared configuration, a folder of its own."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

SIZE: Final = (400, 680)
"""Of the window at first, as a phone in the hand; with its frame it fits the 768 lines of a small laptop."""
LEAST: Final = (340, 600)


def prepare(
    home: Path,
    size: tuple[int, int] = SIZE,
    position: tuple[int, int] | None = None,
    frames_a_second: int = 60,
) -> None:
    """Set up Kivy for this process. ``home`` is where it may keep things; call before anything imports Kivy.
    ``frames_a_second`` 0: as many as there can be."""
    home.mkdir(parents=True, exist_ok=True)
    # In Kivy's own mode of logging it takes sys.stderr away, and what goes wrong is never read.
    os.environ.update(KIVY_NO_ARGS="1", KIVY_NO_CONFIG="1", KIVY_LOG_MODE="PYTHON", KIVY_HOME=str(home))
    # The click that brings a window to the front is a click like any other: with two windows it is every other one.
    os.environ["SDL_MOUSE_FOCUS_CLICKTHROUGH"] = "1"
    from kivy.config import Config

    # It warns at length of clipboard programs that are not installed; what fails raises.
    logging.getLogger("kivy").setLevel(logging.CRITICAL + 1)

    Config.set("kivy", "exit_on_escape", "0")
    Config.set("input", "mouse", "mouse,disable_multitouch")
    Config.set("graphics", "width", str(size[0]))
    Config.set("graphics", "height", str(size[1]))
    Config.set("graphics", "minimum_width", str(LEAST[0]))
    Config.set("graphics", "minimum_height", str(LEAST[1]))
    Config.set("graphics", "multisamples", "0")
    Config.set("graphics", "maxfps", str(frames_a_second))
    if position is not None:
        Config.set("graphics", "position", "custom")
        Config.set("graphics", "left", str(position[0]))
        Config.set("graphics", "top", str(position[1]))
    from kivy.clock import Clock

    # A height goes up through columns in columns, one step each time; ten steps, the default, are not enough.
    Clock.max_iteration = 40
