"""One process per station: started detached, found again by its pid file, ended in an orderly way.

Rule: a pid counts only together with the time its process was started, so that a reused pid is never signalled.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ledger_sync.sandbox.making import module_environment, write
from ledger_sync.sandbox.network import Station

_PID: Final = "pid"
_LOG: Final = "log"


def spawn(station: Station, folder: Path, extra: Mapping[str, str]) -> int:
    """Start a station's process in a session of its own; its words go to the folder's log. Gives the pid."""
    environment = {**module_environment(), **extra}
    arguments = [sys.executable, "-m", f"ledger_sync.{station.role.value}", "--home", str(folder)]
    log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(folder / _LOG), log, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(sys.executable, arguments, environment, file_actions=actions, setsid=True)
    write(folder / _PID, f"{pid} {_started(pid)}")
    return pid


def running(folder: Path) -> int | None:
    """The pid of a station's process, if it lives."""
    try:
        pid, started = (folder / _PID).read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _started(int(pid)) == started else None


def end(folder: Path, number: signal.Signals, seconds: float) -> bool:
    """Signal a station's process and wait until it is gone; False if it lives on after `seconds`."""
    pid = running(folder)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return gone(folder, seconds)


def gone(folder: Path, seconds: float) -> bool:
    """Wait until a station's process is gone; False if it lives on after `seconds`."""
    pid = running(folder)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            watch = os.pidfd_open(pid)
            try:
                ended, _, _ = select.select([watch], [], [], seconds)
            finally:
                os.close(watch)
            if not ended:
                return False
        _reap(pid)
    (folder / _PID).unlink(missing_ok=True)
    return True


def last_words(folder: Path, most: int = 400) -> str:
    """The end of a station's log."""
    try:
        return (folder / _LOG).read_text(errors="replace")[-most:]
    except FileNotFoundError:
        return ""


def _started(pid: int) -> str | None:
    """When a living process was started, in the kernel's ticks (proc(5)); None for a dead or unreaped one."""
    _reap(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, start_time = fields[0], fields[19]
    return None if state in "ZX" else start_time


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
