"""A window with sample views in place of a wallet, under remote control: what is touched, and what that asks for.

    python -m tests.app.window.stand_in SOCKET

Orders beside those of `app.window.driver`:

    {"do": "sample", "name": N}                 shows a state
    {"do": "asked"}                             tells and forgets what presenters were asked
    {"do": "settings", ...}                     changes the settings as a presenter would
    {"do": "wheel", "name": N, "notches": K}    turns a mouse's wheel, down the page, over a widget
    {"do": "touch_amid_news", "name": N, "frames": F}
                                                touches a button of a page that is to be drawn anew: its news come so
                                                many frames after the finger, with 0 in the same frame, before the page
                                                has heard of the finger. Answers once it was drawn anew
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.window.environment import prepare

LONG = 300
"""Frames in which a page that is to be drawn anew has been."""


def main(path: Path) -> None:
    os.environ["SDL_VIDEODRIVER"] = "offscreen"
    with tempfile.TemporaryDirectory() as home:
        prepare(Path(home), (360, 640))
        _run(path, Path(home))


def _run(path: Path, home: Path) -> None:
    from kivy.core.window import Window

    from app.engine.values import Trouble
    from app.presenters.views.settings import Look
    from app.window.app import QaltaApp
    from app.window.driver import Driver, after
    from app.window.shell import Shell
    from tests.app.window.sample_presenters import SampleCamera, SamplePresenters
    from tests.app.window.samples import SAMPLES

    class StandIn(Driver):
        """One app; every sample gets a shell of its own in it."""

        def _do_sample(self, outcome: Future[Any], name: str) -> None:
            sample = SAMPLES[name]
            before = self._app.shell
            assert before is not None
            before.close()
            self.presenters, self.camera = SamplePresenters(**sample.views), SampleCamera()
            shell = Shell(
                self.presenters, self.camera, self._app.theme_cls, home / "prints", is_made=sample.is_made
            )
            if sample.place not in ("start", "unlock"):
                shell.go(sample.place)
            window = before.root.parent
            window.remove_widget(before.root)
            window.add_widget(shell.root)
            self._app.shell = shell
            after(1, lambda: self._begun(outcome))

        def _begun(self, outcome: Future[Any]) -> None:
            """What it asks for as it is drawn, is no touch's doing."""
            self._forget()
            outcome.set_result(None)

        def _do_asked(self, outcome: Future[Any]) -> None:
            asked = [
                [name, *map(_plain, intent)]
                for name, presenter in self.presenters.all.items()
                for intent in presenter.asked
            ]
            self._forget()
            outcome.set_result(asked)

        def _do_settings(self, outcome: Future[Any], **changes: Any) -> None:
            if "look" in changes:
                changes["look"] = Look(changes["look"])
            presenter = self.presenters.settings
            presenter.show(replace(presenter.view, **changes))
            outcome.set_result(None)

        def _do_touch_amid_news(self, outcome: Future[Any], name: str, frames: int) -> None:
            """The news are a trouble, or that the wallet is open."""
            widget, place = self._called(name), self._place()
            presenter = self.presenters.all[place]
            x, y = widget.to_window(*widget.center)
            at: tuple[Any, ...] = (x, Window.height - 1 - y, "left", [])
            Window.dispatch("on_mouse_down", *at)

            def news() -> None:
                change = {"is_open": True} if place == "unlock" else {"trouble": Trouble("internal")}
                presenter.show(replace(presenter.view, **change))
                after(1, lift)

            def lift() -> None:
                Window.dispatch("on_mouse_up", *at)
                look(0)

            def look(frame: int) -> None:
                if widget not in set(self._shown()):
                    outcome.set_result(None)
                elif frame == LONG:
                    outcome.set_exception(TimeoutError("it is never drawn anew"))
                else:
                    after(1, lambda: look(frame + 1))

            after(frames, news)

        def _do_wheel(self, outcome: Future[Any], name: str, notches: int) -> None:
            """As the mouse does it, down the page."""
            x, y = self._called(name).to_window(*self._called(name).center)
            for _ in range(notches):
                Window.dispatch("on_mouse_down", x, Window.height - 1 - y, "scrollup", [])
                Window.dispatch("on_mouse_up", x, Window.height - 1 - y, "scrollup", [])
            after(LONG // 10, lambda: outcome.set_result(None))

        def _do_threads(self, outcome: Future[Any]) -> None:
            outcome.set_result([thread.name for thread in threading.enumerate()])

        def _do_camera(self, outcome: Future[Any]) -> None:
            outcome.set_result(self.camera.is_on)

        def _forget(self) -> None:
            for presenter in self.presenters.all.values():
                presenter.asked.clear()

    app = QaltaApp(SamplePresenters(), SampleCamera(), home / "prints", title="", is_made=True)
    driver = StandIn(path, app)
    app.run()
    driver.close()


def _plain(given: Any) -> Any:
    value = getattr(given, "value", given)
    return value.hex() if isinstance(value, bytes) else str(value) if isinstance(value, Path) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
