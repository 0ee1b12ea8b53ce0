"""Ends a PostgreSQL cluster of the tests when the last process that uses it has gone, however it went.

`python postgres_janitor.py FOLDER HOLD` goes into the background at once. Whoever uses the cluster in FOLDER has a
shared lock on the file HOLD, which the kernel gives back even for a killed process; the janitor waits to have it alone,
kills what runs in FOLDER, removes FOLDER, and empties HOLD, so that who comes next makes another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def processes_in(data: Path) -> list[int]:
    """Process ids of a server and its children, the server first: each has its cluster's data as working folder."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{entry}/cwd").readlink() == data:
                    found.append(int(entry))
    return sorted(found)


def kill_all(data: Path) -> None:
    """SIGKILL to all of a server, until nothing of it runs (a child may be born meanwhile)."""
    while left := processes_in(data):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _forget_memory(data: Path) -> None:
    """Frees the System V segment by which a server guards its data; a killed one leaves it to the next start."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        line = (data / "postmaster.pid").read_text("utf-8").splitlines()[6]
        subprocess.run(["ipcrm", "-m", str(int(line.split()[1]))], stderr=subprocess.DEVNULL, check=False)


def main(folder: Path, hold: Path) -> None:
    with open(hold, "r+") as held:
        if os.fork():
            return
        os.setsid()
        os.chdir("/")
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        fcntl.flock(held, fcntl.LOCK_EX)
        kill_all(folder / "data")
        _forget_memory(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)
        held.truncate(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
