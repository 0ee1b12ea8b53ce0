"""Ends all that runs for a folder once whoever measures in it is gone, however that one went.

`python janitor.py --of=FOLDER`, with `--remove` where the folder goes too, is at work once its standard input ends: the
other end is the measurer's alone, and the kernel closes it for a killed process as well. So nothing has to be told to
it: what was started half a moment before a SIGKILL is found as everything else is.

Rule: what belongs to a folder is every process of the programs that a measurement starts whose command line names a
path in it; nothing else is signalled, and no janitor, as none has its folder for a word. Each is asked to end, and
killed if it does not. The standard library only, so that it is there at once.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

END_SECONDS: Final = 20.0
"""A service's supervisor gives its workers less."""
_OF: Final = "--of="
_LOOK_SECONDS: Final = 0.1
_PROGRAMS: Final = ("python", "postgres", "initdb", "pg_", "etcd", "setpriv", "env")
"""How the names of the programs begin."""


def processes_of(folder: Path) -> list[int]:
    """Process ids of all that runs for a folder."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _is_of(entry, folder)]


def _is_of(entry: str, folder: Path) -> bool:
    try:
        program = Path(f"/proc/{entry}/exe").readlink().name
        words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
    except OSError:  # It has ended, or is the kernel's.
        return False
    inside = os.fsencode(folder)
    named = any(word == inside or word.startswith(inside + b"/") for word in words)
    return named and program.startswith(_PROGRAMS)


def end_all(folder: Path, seconds: float = END_SECONDS) -> None:
    """Nothing runs for a folder any more: asked to end, and killed after so many seconds."""
    asked: set[int] = set()
    until = time.monotonic() + seconds
    while left := processes_of(folder):
        if time.monotonic() > until:
            _signal(left, signal.SIGKILL)
        else:
            _signal([pid for pid in left if pid not in asked], signal.SIGTERM)
            asked.update(left)
        _await_one(left)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _await_one(pids: Sequence[int]) -> None:
    """Until one of them is gone, or it is time to look again."""
    watched = []
    for pid in pids:
        with contextlib.suppress(OSError):
            watched.append(os.pidfd_open(pid))
    select.select(watched, [], [], _LOOK_SECONDS)
    for watch in watched:
        os.close(watch)


def main(folder: Path, *, removes: bool) -> None:
    sys.stdin.buffer.read(1)
    end_all(folder)
    if removes:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1].removeprefix(_OF)), removes="--remove" in sys.argv[2:])
