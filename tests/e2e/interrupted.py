"""`python -m tests.e2e.interrupted ARGS`: the command line, where a failpoint sends SIGINT instead of SIGKILL.

So that Ctrl-C comes at a named step of a real process, and not at whatever a test happens to hit.
"""

from __future__ import annotations

import os
import signal

from app.cli.main import main
from hsm import failpoint

WANTED = os.environ.pop(failpoint.VARIABLE)


def interrupt(name: str) -> None:
    if name == WANTED:
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    with failpoint.watching(interrupt):
        raise SystemExit(main())
