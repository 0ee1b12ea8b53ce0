"""Background work of a service: one thread that empties a durable outbox, again and again.

Rule: what there is to do is read from the store each time, never kept in the thread; so a crash loses nothing.
A refusal, such as a partner that cannot be reached, ends the round; the next one begins anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from wallet.protocol.codes import Refusal

_log: Final = logging.getLogger(__name__)
_STOP_SECONDS: Final = 15


class Worker:
    """Runs `step` at once, then every `seconds`, and whenever it is poked, until stopped.

    There is no thread before `start`; who has other means of making rounds may call `step` by itself.
    """

    def __init__(self, name: str, seconds: float, step: Callable[[], None]) -> None:
        self.name = name
        self.step = step
        self._seconds = seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """There is something to do now; do not wait for the next round."""
        self._wake.set()

    def stop(self) -> None:
        """Let the present round end, and no other begin."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.step()
            except Refusal as refusal:
                _log.info("%s: %s", self.name, refusal)
            except Exception:  # noqa: BLE001 - the next round begins anew
                _log.exception("%s", self.name)
            self._wake.wait(self._seconds)


def every(name: str, seconds: float, step: Callable[[], None]) -> Worker:
    """A worker that is started with its service."""
    return Worker(name, seconds, step)
