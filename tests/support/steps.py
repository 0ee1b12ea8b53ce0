"""A power switch inside one process: any durable step can be made the last one of whoever takes it.

Rule: ``Crash`` only EMULATES a kill (a raised exception runs ``finally`` blocks, a SIGKILL does not): it explores many
more steps than processes can; the real kills are in the tests that start processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hsm import failpoint
from ledger_sync.sandbox.in_process import Death


class Crash(Death):
    """Emulated death at a durable step, of a wallet or a service."""


class Steps:
    """Watches the durable steps that are taken, and counts them."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._area = ""
        self.died_at: str | None = None
        self.seen: list[str] = []

    def _reached(self, name: str) -> None:
        if self._left is None or not name.startswith(self._area):
            return
        self.seen.append(name)
        self._left -= 1
        if self._left == 0:
            self._left = None
            self.died_at = name
            raise Crash(name)

    @contextmanager
    def crash_at(self, count: int, area: str = "") -> Iterator[None]:
        """The ``count``-th step in the block whose name begins with ``area`` is the last one of who takes it."""
        self._left, self._area, self.died_at = count, area, None
        self.seen = []
        with failpoint.watching(self._reached):
            yield
