"""The other end of a window's remote control (`app.window.driver`): orders as JSON lines over a Unix socket.

Only a window that was started for developers, with a socket named in its environment, listens.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

SOCKET: Final = "QALTA_APP_DRIVER"
"""The variable that names a window's socket."""


class WindowGone(AssertionError):
    """The window's process has ended."""


class WindowRefused(AssertionError):
    """The window could not do what it was told, and says why."""


class Remote:
    """Orders to a window. ``has_ended`` says whether its process has, and may wait a moment for that; until then, a
    window that does not listen yet is asked again. Raises ``WindowGone``."""

    def __init__(self, path: Path, has_ended: Callable[[], bool]) -> None:
        self._line = _connected(path, has_ended)
        self._file = self._line.makefile("rw", encoding="utf-8")

    def do(self, order: str, **given: Any) -> Any:
        """The window's answer. Raises ``WindowRefused``, ``WindowGone``."""
        try:
            self._file.write(json.dumps({"do": order, **given}) + "\n")
            self._file.flush()
            line = self._file.readline()
        except OSError:
            line = ""
        if not line:
            raise WindowGone(order)
        answer = json.loads(line)
        if "error" in answer:
            raise WindowRefused(answer["error"])
        return answer["ok"]

    def touch(self, name: str) -> None:
        self.do("touch", name=name)

    def wait(self, name: str, text: str = "", **given: Any) -> Any:
        return self.do("wait", name=name, text=text, **given)

    def keys(self, typed: str) -> None:
        for key in typed:
            self.do("key", key=key)

    def text(self, name: str) -> str:
        return str(self.do("find", name=name)["text"])

    def hang_up(self) -> None:
        # What it could not be told any more does not matter.
        with closing(self._line), suppress(OSError):
            self._file.close()


def _connected(path: Path, has_ended: Callable[[], bool]) -> socket.socket:
    while True:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            if has_ended():
                raise WindowGone("it never listened") from None
        else:
            return line
