"""Background work of a service: one thread that empties a durable outbox, again and again.

Rule: what there is to do is read from the store each time, never kept in the thread; so a crash loses nothing.
A refusal, such as a partner that cannot be reached, ends the round; the next one begins anew. Rounds that go on failing
come ever more seldom; after a fault of our own (no disk, no descriptors, no keystore) no poke hastens them.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Final

from hsm import KeystoreError, fault_of
from ledger_sync.database.store import StoreError
from ledger_sync.service.log import code_of
from wallet.protocol.codes import Refusal

_log: Final = logging.getLogger(__name__)
_STOP_SECONDS: Final = 15
_PATIENT_ROUNDS: Final = 4
"""Failing rounds that come at the ordinary pace: a partner that starts beside us is not waited for longer than that."""
LONGEST_AFTER_REFUSAL: Final = 5.0
LONGEST_AFTER_FAULT: Final = 30.0
"""Seconds."""


class Worker:
    """Runs `step` at once, then every `seconds`, and whenever it is poked, until stopped.

    There is no thread before `start`; who has other means of making rounds may call `step` by itself.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        step: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.step = step
        self._seconds = seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._observe: Callable[[str, str, float], None] = lambda _name, _outcome, _seconds: None
        self._now = now
        self._rounds = threading.Condition()
        self._begun = 0
        self._done = 0
        self._since: float | None = None
        self._beside = 0
        self._is_resting = False

    def start(
        self, observe: Callable[[str, str, float], None] = lambda _name, _outcome, _seconds: None
    ) -> None:
        """``observe`` takes after each round this worker's name, how it ended ("ok", a code, "failed"), its seconds."""
        self._observe = observe
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """There is something to do now; do not wait for the next round."""
        self._wake.set()

    def turn(self, patience: float, beside: int) -> bool:
        """A whole round that begins after now, made by the thread, for which the caller waits at most `patience`
        seconds, and not at all beside so many others or where the thread is held up for so long already; by the caller,
        where no thread was started. Whether it was made.
        """
        if self._thread is None:
            self.step()
            return True
        with self._rounds:
            held_up = self._since is not None and self._now() - self._since >= patience
            if held_up or self._is_resting or self._beside >= beside or self._stopping.is_set():
                return False
            wanted = self._begun + 1
            self._wake.set()
            self._beside += 1
            try:
                return self._rounds.wait_for(lambda: self._done >= wanted, patience)
            finally:
                self._beside -= 1

    def ask_to_stop(self) -> None:
        """Let no other round begin."""
        self._stopping.set()
        self._wake.set()

    def stop(self) -> None:
        """Let the present round end, and no other begin."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._round()
            except Refusal as refusal:
                failures += 1
                _log.info("a round was refused", extra={"worker": self.name, "code": refusal.code})
                self._wake.wait(pause(self._seconds, failures, LONGEST_AFTER_REFUSAL))
            except Exception as error:  # noqa: BLE001 - the next round begins anew
                failures += 1
                self._tell(error)
                self._is_resting = True
                self._stopping.wait(pause(self._seconds, failures, LONGEST_AFTER_FAULT))
                self._is_resting = False
            else:
                failures = 0
                self._wake.wait(self._seconds)

    def _round(self) -> None:
        with self._rounds:
            self._begun += 1
            self._since = begun = self._now()
        outcome = "failed"
        try:
            self.step()
            outcome = "ok"
        except Refusal as refusal:
            outcome = refusal.code.value
            raise
        finally:
            self._observe(self.name, outcome, self._now() - begun)
            with self._rounds:
                self._done = self._begun
                self._since = None
                self._rounds.notify_all()

    def _tell(self, error: Exception) -> None:
        """A foreseen fault in a line, an unforeseen one with where it happened."""
        meant = fault_of(error) if isinstance(error, OSError | sqlite3.Error) else error
        if isinstance(meant, KeystoreError | StoreError):
            _log.error("a round failed", extra={"worker": self.name, "code": code_of(meant)})
        else:
            _log.error("a round failed", exc_info=error, extra={"worker": self.name})


def pause(seconds: float, failures: int, longest: float) -> float:
    """Seconds until the round after so many that failed in a row: `seconds`, then doubling up to `longest`."""
    doublings = min(max(0, failures - _PATIENT_ROUNDS), 16)
    return max(seconds, min(seconds * float(1 << doublings), longest))
