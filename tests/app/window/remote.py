"""The other end of a window's remote control (`app.window.driver`)."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self


class RemoteWindow:
    """A window's process and the line to it. Made once the window listens."""

    def __init__(self, command: Sequence[str], path: Path, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            self._line = self._connected(path)
        except BaseException:
            self.process.kill()
            raise
        self._file = self._line.makefile("rw", encoding="utf-8")

    def _connected(self, path: Path) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                line.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                try:
                    self.process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                assert self.process.stderr is not None
                raise AssertionError(self.process.stderr.read().decode()) from None
            return line

    def do(self, order: str, **given: Any) -> Any:
        """The window's answer; AssertionError with what it says is wrong."""
        self._file.write(json.dumps({"do": order, **given}) + "\n")
        self._file.flush()
        answer = json.loads(self._file.readline() or '{"error": "the window has gone"}')
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

    def close(self) -> None:
        with closing(self._line):
            self._file.close()
        self.process.terminate()
        self.process.communicate(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
