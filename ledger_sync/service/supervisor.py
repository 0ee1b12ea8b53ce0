"""Several processes of one service: who binds the port, starts them, starts anew what died, and ends all in order.

Rule: the supervisor opens no keystore and no store, and answers nobody: it hands its sockets on, and the PIN by a
descriptor, and each worker opens all else itself. The first worker is started alone, so that what has to be made or
brought to a newer version is; the others once it serves. A worker that was at work for a while and died is started anew
at once, one that cannot start, or stay, ever more seldom. A supervisor that is killed takes its workers with it, also
those that hang (`child`), and where that is not to be had each ends as if it had been asked to; until all of them have,
the home folder's lock keeps another supervisor waiting.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import hsm
from ledger_sync.service.child import tied_to
from ledger_sync.service.inherited import READY, Common
from ledger_sync.service.listeners import bound
from ledger_sync.service.settings import Address
from ledger_sync.service.worker import pause

MOST_WORKERS: Final = 64
_LONGEST_PAUSE: Final = 30.0
_WHILE_SECONDS: Final = 5.0
"""For which a worker takes calls that did start; one that ends sooner may do so each time."""
_END_SECONDS: Final = 18.0
"""In which workers end; who is left is killed."""
_TAKING_SECONDS: Final = 30.0
"""For which the workers of an earlier supervisor are waited for."""
_LOOK_SECONDS: Final = 0.1
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """How workers are started: ``python -m module --home folder``, and by which PIN they open their keystore."""

    module: str
    folder: Path
    pin: str = field(repr=False)

    def __call__(self, number: int, common: Common, lock: int) -> _Worker:
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        try:
            os.write(writing, self.pin.encode())
            os.close(writing)
            given = common.of(number, theirs.fileno())
            arguments = ["--home", str(self.folder), "--pin-fd", str(reading), "--worker", str(given)]
            process = subprocess.Popen(
                [sys.executable, "-m", self.module, *arguments],
                stdin=subprocess.DEVNULL,
                preexec_fn=tied_to(os.getpid()),
                pass_fds=(reading, *given.descriptors, lock),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(reading)
        return _Worker(process, ours, os.pidfd_open(process.pid))


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    line: socket.socket
    watch: int
    since: float | None = None
    """When it said that it takes calls."""

    @property
    def serves(self) -> bool:
        return self.since is not None

    def hear(self, now: float) -> None:
        if self.line.recv(1) == READY:
            self.since = now

    def has_worked(self, now: float) -> bool:
        return self.since is not None and now - self.since >= _WHILE_SECONDS

    def ask_to_end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def bury(self) -> int:
        status = self.process.wait()
        self.line.close()
        os.close(self.watch)
        return status


@dataclass(slots=True)
class _Slot:
    """The place of one worker: who is in it, and since when and how often in a row none could start or
    stay."""

    number: int
    worker: _Worker | None = None
    failures: int = 0
    due: float = 0.0


class Supervisor:
    """`count` workers over one socket, until somebody `has_asked` for the end."""

    def __init__(
        self,
        start: Start,
        count: int,
        has_asked: Callable[[], bool],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._slots = [_Slot(number + 1) for number in range(count)]
        self._has_asked = has_asked
        self._ticks = ticks
        self._has_served = False

    def run(self, at: Address, figures: Address | None = None) -> int:
        """Exit status: 0 after an orderly end, that of the first worker where it could not start at all.

        `SettingsError`: nobody can listen there; ``KeystoreError`` (IN_USE): somebody else has the home folder.
        """
        with _woken_by_signals() as wake, self._alone(wake) as lock, ExitStack() as open_:
            calls = open_.enter_context(bound(at, "port"))
            shown = None if figures is None else open_.enter_context(bound(figures, "metrics"))
            common = Common.made(len(self._slots), calls, shown)
            try:
                while not self._has_asked():
                    self._start_due(common, lock)
                    self._wait(wake)
                    status = self._bury_dead()
                    if status is not None:
                        return status
                return 0
            finally:
                self._end_all()

    @contextlib.contextmanager
    def _alone(self, wake: int) -> Iterator[int]:
        """A block in which no other supervisor has this home, nor any worker of an earlier one; the lock's descriptor,
        which workers inherit."""
        lock = os.open(self._start.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            until = self._ticks() + _TAKING_SECONDS
            while not _is_locked(lock):
                if self._ticks() > until or self._has_asked():
                    raise hsm.KeystoreError(hsm.KeystoreCode.IN_USE, {"what": "service"})
                select.select([wake], [], [], _LOOK_SECONDS)
            yield lock
        finally:
            os.close(lock)

    def _start_due(self, common: Common, lock: int) -> None:
        for slot in self._slots if self._has_served else self._slots[:1]:
            if slot.worker is None and slot.due <= self._ticks():
                slot.worker = self._start(slot.number, common, lock)

    def _wait(self, wake: int) -> None:
        """Until something has become of a worker, one is due, or a signal came."""
        workers = [slot.worker for slot in self._slots if slot.worker is not None]
        due = [slot.due for slot in self._slots if slot.worker is None and self._has_served]
        patience = max(0.0, min(due) - self._ticks()) if due else None
        if not self._has_served and not workers:
            patience = max(0.0, self._slots[0].due - self._ticks())
        starting = {worker.line.fileno(): worker for worker in workers if not worker.serves}
        watched = [wake, *starting, *(worker.watch for worker in workers)]
        found, _, _ = select.select(watched, [], [], patience)
        for descriptor in found:
            if descriptor == wake:
                os.read(wake, 64)
            elif descriptor in starting:
                starting[descriptor].hear(self._ticks())
        self._has_served = self._has_served or any(worker.serves for worker in workers)

    def _bury_dead(self) -> int | None:
        """What a first worker that could not start at all ended with, which is the end of everything."""
        for slot in self._slots:
            worker = slot.worker
            if worker is None or worker.process.poll() is None:
                continue
            status = worker.bury()
            slot.worker = None
            if not self._has_served and status >= 0:
                return status
            slot.failures = 0 if worker.has_worked(self._ticks()) else slot.failures + 1
            slot.due = self._ticks() + (pause(1.0, slot.failures, _LONGEST_PAUSE) if slot.failures else 0.0)
            facts = {"number": slot.number, "pid": worker.process.pid, "status": status}
            _log.warning("a worker has ended", extra=facts)
        return None

    def _end_all(self) -> None:
        workers = [slot.worker for slot in self._slots if slot.worker is not None]
        for worker in workers:
            worker.ask_to_end()
        until = self._ticks() + _END_SECONDS
        for worker in workers:
            ended, _, _ = select.select([worker.watch], [], [], max(0.0, until - self._ticks()))
            if not ended:
                _log.error("a worker does not end, and is killed", extra={"pid": worker.process.pid})
                worker.process.kill()
            worker.bury()


@contextlib.contextmanager
def _woken_by_signals() -> Iterator[int]:
    """A descriptor that can be read once a signal has come."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    former = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(former)
        os.close(reading)
        os.close(writing)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
