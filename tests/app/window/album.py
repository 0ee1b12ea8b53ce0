"""Draws every screen in every state: three languages, light and dark, a phone and a desktop, large text.

    python -m tests.app.window.album DIR [--lang kk] [--look dark] [--size 360x640] [--large] [--only pay-asked]
                                      [--colours 64]

Each picture is DIR/LANGUAGE-LOOK-WIDTHxHEIGHT[-large]-STATE.png. For looking; the pictures stay out of the repository,
but for the three of the README, small by --colours: `docs/app-home.png` and `docs/app-receive.png` are

    python -m tests.app.window.album DIR --lang en --look light --size 360x640 --colours 64 --only home receive-asking

and `docs/app-chain.png` is

    python -m tests.app.window.album DIR --lang en --look dark --size 1100x760 --colours 64 --only history-received
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

from app.window.environment import prepare

SIZES: Final = ((360, 640), (1100, 760))
LARGEST: Final = SIZES[-1]
"""Of the window; a smaller size is drawn in its corner, as a window without a screen cannot be resized."""
LANGUAGES: Final = ("kk", "ru", "en")
LOOKS: Final = ("light", "dark")
TIME_ZONE: Final = "Asia/Almaty"


@dataclass(frozen=True)
class Setting:
    """How a state is drawn."""

    language: str
    look: str
    size: tuple[int, int]
    is_large: bool

    @property
    def name(self) -> str:
        large = "-large" if self.is_large else ""
        return f"{self.language}-{self.look}-{self.size[0]}x{self.size[1]}{large}"


def settings() -> list[Setting]:
    """Every way in which the album draws a state."""
    return [
        Setting(language, look, size, is_large)
        for is_large, size, look, language in product((False, True), SIZES, LOOKS, LANGUAGES)
    ]


class Stage:
    """One window in which state after state is drawn. Made once in a process, after `prepare`."""

    def __init__(self) -> None:
        from kivy.base import EventLoop
        from kivy.core.window import Window
        from kivymd.app import MDApp

        from app.window import fonts

        fonts.register()
        self.app = MDApp()
        EventLoop.ensure_window()
        EventLoop.start()
        self.window, self.loop = Window, EventLoop
        self.shell: Any = None

    def show(self, name: str, setting: Setting) -> Any:
        """Draw state ``name``; returns the shell, settled."""
        from app.presenters.views.settings import Look
        from app.window.shell import Shell
        from tests.app.window.sample_presenters import SampleCamera, SamplePresenters
        from tests.app.window.samples import SAMPLES

        sample = SAMPLES[name]
        presenters = SamplePresenters(**sample.views)
        presenters.settings.show(
            replace(
                presenters.settings.view,
                language=setting.language,
                look=Look(setting.look),
                is_large=setting.is_large,
            )
        )
        self.clear()
        shell = Shell(presenters, SampleCamera(), self.app.theme_cls, Path("prints"), is_made=sample.is_made)
        shell.presenters = presenters  # type: ignore[attr-defined]
        if sample.place not in ("start", "unlock"):
            shell.go(sample.place)
        shell.root.size_hint, shell.root.size, shell.root.pos = (None, None), setting.size, (0, 0)
        self.window.add_widget(shell.root)
        self.shell = shell
        self.settle()
        return shell

    def clear(self) -> None:
        if self.shell is not None:
            self.shell.close()
            self.window.remove_widget(self.shell.root)
            self.shell = None

    def settle(self) -> None:
        """Until no height changes any more."""
        before: list[Any] = []
        for _ in range(30):
            self.lay_out()
            now = [(tuple(widget.pos), tuple(widget.size)) for widget in self.shell.root.walk()]
            if now == before:
                return
            before = now
        raise AssertionError("the layout does not settle")

    def lay_out(self) -> None:
        """What a frame does before it draws."""
        from kivy.clock import Clock
        from kivy.lang import Builder

        Clock.tick()
        Builder.sync()
        Clock.tick_draw()
        Builder.sync()

    def frames(self, count: int) -> None:
        for _ in range(count):
            self.loop.idle()

    def wait_for_codes(self) -> None:
        """Until every code on the screen has been drawn once."""
        from app.window.widgets.code import Code

        codes = [widget for widget in self.shell.root.walk() if isinstance(widget, Code)]
        while any(code.frames == 0 for code in codes):
            self.frames(1)

    def picture(self) -> Any:
        from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels
        from PIL import Image

        self.window.canvas.ask_update()
        self.window.dispatch("on_draw")
        width, height = (int(side) for side in self.shell.root.size)
        pixels = bytes(glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE))
        return Image.frombytes("RGBA", (width, height), pixels, "raw", "RGBA", 0, -1).convert("RGB")


def _wanted(arguments: argparse.Namespace) -> Iterator[Setting]:
    for setting in settings():
        size = f"{setting.size[0]}x{setting.size[1]}"
        if (
            arguments.lang in (None, setting.language)
            and arguments.look in (None, setting.look)
            and arguments.size in (None, size)
            and setting.is_large == arguments.large
        ):
            yield setting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lang", choices=LANGUAGES)
    parser.add_argument("--look", choices=LOOKS)
    parser.add_argument("--size", choices=[f"{width}x{height}" for width, height in SIZES])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--colours", type=int, help="a palette of so many")
    arguments = parser.parse_args()
    os.environ["SDL_VIDEODRIVER"] = "offscreen"
    os.environ["TZ"] = TIME_ZONE
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        prepare(Path(home), LARGEST, frames_a_second=0)
        from tests.app.window.samples import SAMPLES

        stage = Stage()
        for setting in _wanted(arguments):
            for name in arguments.only or SAMPLES:
                stage.show(name, setting)
                stage.wait_for_codes()
                picture = stage.picture()
                if arguments.colours is not None:
                    picture = picture.quantize(arguments.colours)
                picture.save(arguments.folder / f"{setting.name}-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
