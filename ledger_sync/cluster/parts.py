"""The processes of one part (a member of the store, or a node's Patroni with its PostgreSQL), found by where they work.

Rule: PostgreSQL is Patroni's child, and outlives it when it is killed. So what belongs to a part is what was started
for it, and every process of our programs, or of its settings, that works in its folder; nothing else is ever signalled.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger_sync import processes

_ENDS: Final = 20.0
_LOOK_AGAIN: Final = 0.02


class Part:
    """One part's folder. `programs`: where the programs lie whose processes are its own; `settings`: its file, which a
    process that was started and not yet noted down names."""

    def __init__(self, folder: Path, programs: tuple[Path, ...]) -> None:
        self.folder = folder
        self.settings = folder / "settings.yml"
        self._programs = programs

    @property
    def pid(self) -> int | None:
        """The process that was started, if it lives."""
        return processes.running(self.folder)

    @property
    def is_paused(self) -> bool:
        pid = self.pid
        return pid is not None and processes.is_paused(pid)

    def goes_on(self) -> bool:
        """Whether the process that was started lives; a paused one is told to go on, with all of its others."""
        pid = self.pid
        if pid is not None and processes.is_paused(pid):
            self.signal(signal.SIGCONT)
        return pid is not None

    def signal(self, number: signal.Signals) -> bool:
        """Signal all of its processes once, the one that was started first; whether there were any."""
        found = False
        for pid in self._all():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                found = True
        return found

    def kill(self) -> None:
        """SIGKILL all of them, until none is left."""
        while self.signal(signal.SIGKILL):
            self._first_gone(_LOOK_AGAIN)
        processes.gone(self.folder, _ENDS)

    def ask_to_end(self) -> None:
        """Ask the process that was started, which ends its children; a paused one hears it once it goes on."""
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def ended(self, until: float) -> None:
        """Wait until `until` (of the monotonic clock) for what was asked to end; what is still there then is killed."""
        processes.gone(self.folder, max(0.0, until - time.monotonic()))
        self.kill()

    def last_words(self) -> str:
        """The last line of its log."""
        lines = [line for line in processes.last_words(self.folder, 2000).splitlines() if line.strip()]
        return lines[-1].strip()[-200:] if lines else ""

    def _first_gone(self, seconds: float) -> None:
        """Wait until one of them is gone, but not longer than `seconds`."""
        pid = next(self._all(), None)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            watch = os.pidfd_open(pid)
            try:
                select.select([watch], [], [], seconds)
            finally:
                os.close(watch)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)

    def _all(self) -> Iterator[int]:
        own = self.pid
        if own is not None:
            yield own
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != own and self._is_ours(entry):
                yield int(entry.name)

    def _is_ours(self, entry: Path) -> bool:
        try:
            if not (entry / "cwd").readlink().is_relative_to(self.folder):
                return False
            program, words = (entry / "exe").readlink(), (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return program.parent in self._programs or os.fsencode(self.settings) in words
