"""One person's window: the process as the launcher starts it, and a finger on its widgets.

Rule: nothing here calls the app's code; what a person cannot touch, see or do to a device, is not done. Nobody waits
by the clock: each step waits, in the window's own frames, for what the window shows.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from app.catalogue.written import written_amount
from app.launch.actors import PIN
from app.launch.window import AppWindow
from tests.app.window.remote import Remote, WindowGone

PATIENCE: Final = 90.0
"""Seconds after which something is held never to come, however busy the machine is."""
FRAMES: Final = 2_000
"""The same for what is looked at once a frame."""
_POLL: Final = 0.05
_NUMBER: Final = re.compile(r"[\d\s]*\d(?:,\d\d)?")


def tiyn(shown: str) -> int:
    """An amount as people write it: "12 500,50 ₸"."""
    found = _NUMBER.search(shown)
    assert found is not None, shown
    whole, _, part = "".join(found.group().split()).partition(",")
    return int(whole) * 100 + int(part or 0)


class Phone:
    """``window`` is not started yet; ``line`` is where its driver shall listen."""

    def __init__(self, window: AppWindow, line: Path, environment: Mapping[str, str]) -> None:
        self._window, self._line = window, line
        self.environment = environment
        self._remote: Remote | None = None
        self._ended = threading.Event()
        self._status = 0

    @property
    def wallet(self) -> str:
        return self._window.wanted.wallet

    # the device

    def switch_on(self, failpoint: str = "") -> None:
        """``failpoint``: the step at which it will die."""
        extra = {"QALTA_FAILPOINT": failpoint} if failpoint else {}
        self._line.unlink(missing_ok=True)
        self._window.environment = {**self.environment, "QALTA_APP_DRIVER": str(self._line), **extra}
        self._window.start()
        self._ended = ended = threading.Event()

        def report() -> None:
            self._status = self._window.wait()
            ended.set()

        threading.Thread(target=report, daemon=True).start()
        self._remote = Remote(self._line, lambda: ended.wait(_POLL))

    def open(self, failpoint: str = "", pin: str = PIN) -> None:
        """Switch it on and unlock it, by its keyboard."""
        self.switch_on(failpoint)
        self.wait("pin-confirm")
        self.type_pin(pin)
        self.wait("home-spendable", r"\d")

    def switch_off(self) -> None:
        """As a polite kill does; what it was doing is finished before, and it says that all was well. Again is
        success."""
        self._hang_up()
        if self._window.pid is not None and not self._ended.is_set():
            self._window.stop()
            assert self._window.wait() == 0

    def kill(self) -> None:
        """SIGKILL, now."""
        assert self._window.pid is not None
        os.kill(self._window.pid, signal.SIGKILL)
        self.dies()

    def dies(self) -> None:
        """Wait for a SIGKILL that is due."""
        assert self._ended.wait(PATIENCE), f"{self.wallet} did not die, at {self.place}"
        assert self._status == -signal.SIGKILL, self._status
        self._hang_up()

    def _hang_up(self) -> None:
        if self._remote is not None:
            self._remote.hang_up()
            self._remote = None

    @contextmanager
    def looking_at(self, picture: Path) -> Iterator[None]:
        """Its camera, from the next time it is switched on: what ``picture`` shows at that moment."""
        wanted = self._window.wanted
        self._window.wanted = replace(wanted, camera=str(picture))
        try:
            yield
        finally:
            self._window.wanted = wanted

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Its owner looks elsewhere: it stands still (SIGSTOP), and its screen shows what it showed last."""
        assert self._window.pid is not None
        os.kill(self._window.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._window.pid, signal.SIGCONT)

    # the finger, and what is seen

    @property
    def remote(self) -> Remote:
        assert self._remote is not None, f"{self.wallet} is off"
        return self._remote

    def touch(self, *names: str) -> None:
        """One after the other, each once it is there to be touched."""
        for name in names:
            self.wait(name)
            self.remote.touch(name)

    def touch_home(self, name: str) -> None:
        """Home by that button."""
        self.touch(name)
        self.wait_place("home")

    def touch_last(self, name: str) -> None:
        """A touch at which the window may die."""
        with suppress(WindowGone):
            self.touch(name)

    def wait(self, name: str, text: str = "", *, gone: bool = False) -> str:
        """Until it can be seen and reads so; what it reads then."""
        found: Any = self.remote.wait(name, text, gone=gone, seconds=PATIENCE)
        return "" if found is None else str(found["text"])

    def wait_place(self, place: str) -> None:
        assert any(self.place == place or self.frame() for _ in range(FRAMES)), self.place

    def wait_any(self, prefix: str) -> list[str]:
        """Names that begin so, once there are some."""
        for _ in range(FRAMES):
            found = [item["name"] for item in self.shown() if item["name"].startswith(prefix)]
            if found:
                return found
            self.frame()
        raise AssertionError(f"nothing is called {prefix}..., at {self.place}")

    def frame(self) -> None:
        """Until one more was drawn or was due."""
        self.remote.do("frames")

    def type(self, text: str) -> None:
        self.remote.do("type", text=text)

    def type_pin(self, pin: str) -> None:
        """By the keyboard, which is faster than the keys of the screen."""
        self.remote.keys(pin)
        self.wait("pin-dots", f"^{len(pin)}$")
        with suppress(WindowGone):
            self.remote.do("key", key="enter")

    def touch_keys(self, typed: str) -> None:
        """The keys of the keypad on the screen."""
        self.touch(*(f"keypad-{'comma' if key == ',' else key}" for key in typed))

    def sees(self, name: str) -> bool:
        return any(item["name"] == name for item in self.shown())

    def shown(self) -> list[dict[str, Any]]:
        return list(self.remote.do("list"))

    @property
    def place(self) -> str:
        return str(self.remote.do("place"))

    # what is the same in every story

    def amount(self, name: str) -> int:
        """Tiyn that ``name`` shows."""
        return tiyn(self.wait(name, r"\d"))

    def go_home(self) -> None:
        """Back, until it is home, and what home shows was looked up."""
        while self.place != "home":
            self.remote.do("key", key="escape")
        self.wait("home-spendable", r"\d")

    def unfinished(self) -> list[str]:
        """Ids (8 digits) of what home offers to go on with."""
        return [
            item["name"].removeprefix("home-go_on-")
            for item in self.shown()
            if item["name"].startswith("home-go_on-")
        ]

    def set_network(self, *, on: bool) -> None:
        """Unless it is so already."""
        if self.is_online == on:
            return
        before = self.wait("home-network")
        self.touch("home-network")
        self.wait("home-network", f"^(?!{re.escape(before)}$)")
        assert self.is_online == on

    def wait_amount(self, name: str, tiyn: int) -> None:
        """Until ``name`` shows exactly so much."""
        self.wait(name, f"^{re.escape(written_amount(tiyn))}$")

    def shows(self, name: str) -> int:
        """Tiyn that ``name`` shows now; 0 where nothing is called so."""
        return sum(tiyn(item["text"]) for item in self.shown() if item["name"] == name)

    @property
    def is_online(self) -> bool:
        return self.remote.text("home-network") == "Online"
