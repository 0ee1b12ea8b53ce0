"""A window's process, and the line to its remote control."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from app.launch.remote import Remote, WindowGone, WindowRefused

__all__ = ["Remote", "RemoteWindow", "WindowGone", "WindowRefused"]


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
