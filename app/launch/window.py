"""One window of the app: `python -m app.window`, in a process and a session of its own.

Rule: a terminal's Ctrl-C reaches the command only, which then asks the window to close (SIGTERM) and waits for it.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.launch.children import child_environment

COMMAND: Final = (sys.executable, "-m", "app.window")
CLOSE: Final = 10.0
"""Seconds that a window gets to close; whatever it was doing is finished at its next start."""


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What a window is started with. None: as the wallet's own settings say.

    ``camera`` and ``reader`` are names as in `app.camera.devices` and `wallet.transport.nfc.devices`. ``publish``: the
    file into which it publishes its pixels. ``position``: of its upper left corner on the screen. ``is_developer``
    allows publishing and simulated readers: a sandbox's windows only.
    """

    home: Path
    wallet: str
    language: str | None = None
    camera: str | None = None
    reader: str | None = None
    publish: Path | None = None
    position: tuple[int, int] | None = None
    is_developer: bool = False

    def arguments(self) -> list[str]:
        """As `python -m app.window` takes them; no secret is among them."""
        given = ["--home", str(self.home), "--wallet", self.wallet]
        options = {
            "--lang": self.language,
            "--camera": self.camera,
            "--reader": self.reader,
            "--publish": self.publish,
            "--position": self.position and f"{self.position[0]},{self.position[1]}",
        }
        for option, value in options.items():
            given += [option, str(value)] if value is not None else []
        return [*given, "--developer"] if self.is_developer else given


@dataclass(slots=True)
class AppWindow:
    """A window's process. ``environment`` is added to this process's."""

    wanted: WindowSpec
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *self.wanted.arguments()],
            stdin=subprocess.DEVNULL,
            env={**child_environment(), **self.environment},
            start_new_session=True,
        )

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def wait(self) -> int:
        """Its exit status once it has ended, negative where a signal ended it; 0 if it was never started."""
        return 0 if self._process is None else self._process.wait()

    def ends_within(self, seconds: float) -> bool:
        """Whether it has ended, or does so while we wait."""
        try:
            return self._process is not None and self._process.wait(seconds) is not None
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        """Ask it to close, and end it if it does not. Again is success."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(CLOSE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def open_windows(windows: Sequence[AppWindow]) -> Iterator[Iterator[int]]:
    """Start them; gives their exit statuses in the order in which they end. All are closed at the end."""
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    try:
        for window in windows:
            window.start()
            threading.Thread(target=_report, args=(window, ended), daemon=True).start()
        yield (ended.get() for _ in windows)
    finally:
        with undisturbed():
            stop_all(windows)


def _report(window: AppWindow, ended: queue.SimpleQueue[int]) -> None:
    ended.put(window.wait())


def stop_all(windows: Iterable[AppWindow]) -> None:
    """All at once: one that is slow to close does not keep the others open."""
    closing = [threading.Thread(target=window.stop) for window in windows]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()


_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """A closed terminal and a polite kill end the command as Ctrl-C does. Elsewhere than in the main thread, no
    change."""
    with _handled(_interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """While things are put away, a second Ctrl-C changes nothing. Elsewhere than in the main thread, no change."""
    with _handled(signal.SIG_IGN):
        yield


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(ending, handler) for ending in _ENDINGS]
    try:
        yield
    finally:
        for ending, old in zip(_ENDINGS, before, strict=True):
            signal.signal(ending, old)
