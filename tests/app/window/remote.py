"""The other end of a window's remote control (`app.window.driver`)."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self


class WindowGone(AssertionError):
    """The window's process has ended."""


class Remote:
    """Orders to a window. ``has_ended`` says whether its process has; until then, a window that does not listen yet is
    asked again."""

    def __init__(self, path: Path, has_ended: Callable[[], bool]) -> None:
        self._line = _connected(path, has_ended)
        self._file = self._line.makefile("rw", encoding="utf-8")

    def do(self, order: str, **given: Any) -> Any:
        """The window's answer; AssertionError with what it says is wrong, ``WindowGone``."""
        try:
            self._file.write(json.dumps({"do": order, **given}) + "\n")
            self._file.flush()
            line = self._file.readline()
        except OSError:
            line = ""
        if not line:
            raise WindowGone(order)
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
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
        with closing(self._line), suppress(OSError):  # It could not be told the last order.
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


class RemoteWindow(Remote):
    """A window's process and the line to it."""

    def __init__(self, command: Sequence[str], path: Path, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            super().__init__(path, self._has_ended)
        except BaseException:
            self.process.kill()
            raise

    def _has_ended(self) -> bool:
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:
            return False
        assert self.process.stderr is not None
        raise AssertionError(self.process.stderr.read().decode())

    def close(self) -> None:
        self.hang_up()
        self.process.terminate()
        self.process.communicate(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
