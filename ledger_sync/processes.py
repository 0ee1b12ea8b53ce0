"""Processes that outlive whoever started them: detached, found again by a pid file, ended in an orderly way.

Rule: a pid counts only together with the time its process was started, so that a reused pid is never signalled. Whoever
changes what several start and end holds a lock meanwhile, which ends with its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_PID: Final = "pid"
_LOG: Final = "log"
_PAUSED: Final = "T"
_ENDED: Final = "ZX"


def write(path: Path, text: str) -> None:
    """Replace a file so that a crash leaves the old or the new one; nobody else may read it."""
    beside = path.with_name(path.name + ".part")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """A block that one process at a time is in; another waits."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def spawn(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Start a process in a session of its own; its words go to the folder's log, its pid to the folder's pid file.
    Gives the pid."""
    log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(folder / _LOG), log, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawnp(command[0], list(command), environment, file_actions=actions, setsid=True)
    write(folder / _PID, f"{pid} {_started(pid)}")
    return pid


def running(folder: Path) -> int | None:
    """The pid of a folder's process, if it lives."""
    try:
        pid, started = (folder / _PID).read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _started(int(pid)) == started else None


def is_paused(pid: int) -> bool:
    """Whether a process was stopped (SIGSTOP) and not yet told to go on."""
    return _stat(pid)[:1] == [_PAUSED]


def end(folder: Path, number: signal.Signals, seconds: float) -> bool:
    """Signal a folder's process and wait until it is gone; False if it lives on after `seconds`."""
    pid = running(folder)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return gone(folder, seconds)


def gone(folder: Path, seconds: float) -> bool:
    """Wait until a folder's process is gone; False if it lives on after `seconds`."""
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


def last_words(folder: Path, most: int = 4_000) -> str:
    """The end of a process's log."""
    try:
        return (folder / _LOG).read_text(errors="replace")[-most:]
    except FileNotFoundError:
        return ""


def _started(pid: int) -> str | None:
    """When a living process was started, in the kernel's ticks (proc(5)); None for one that is over, reaped or not."""
    _reap(pid)
    fields = _stat(pid)
    return None if not fields or (fields[0] in _ENDED and _is_over(pid)) else fields[19]


def _is_over(pid: int) -> bool:
    """Whether its last thread is gone: killed, it may show as ended while others still hold its files and locks."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], 0)[0])
    finally:
        os.close(watch)


def _stat(pid: int) -> list[str]:
    """A process's state and what follows it in /proc/PID/stat; nothing where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
