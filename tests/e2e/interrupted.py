"""`python -m tests.e2e.interrupted ARGS`: the command line, where a failpoint sends SIGINT instead of SIGKILL.

So that Ctrl-C comes at a named step of a real process, and not at whatever a test happens to hit.
"""

from __future__ import annotations

import signal
from types import SimpleNamespace

import hsm.failpoint
from app.cli.main import main

if __name__ == "__main__":
    hsm.failpoint.signal = SimpleNamespace(SIGKILL=signal.SIGINT)  # type: ignore[assignment]
    raise SystemExit(main())
