"""A process that was started to outlive its starter runs until its last thread is gone."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from ledger_sync.processes import end, running, spawn
from tests.support.eventually import eventually

WITHOUT_ITS_FIRST_THREAD = """
import ctypes, threading
threading.Thread(target=threading.Event().wait).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_process_whose_first_thread_has_ended_still_runs(tmp_path: Path) -> None:
    """As one does for a moment that was killed: it shows as ended, and others of its threads hold its locks."""
    pid = spawn([sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD], tmp_path, dict(os.environ))
    try:
        eventually(lambda: state(pid), lambda found: found == "Z")
        assert running(tmp_path) == pid
        assert end(tmp_path, signal.SIGKILL, 60)
        assert running(tmp_path) is None
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
