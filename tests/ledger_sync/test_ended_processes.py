"""A process has ended once all of its threads have: until then it holds its files, locks and ports."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ledger_sync.processes import end, gone, running, spawn
from tests.support.eventually import eventually

WITHOUT_ITS_FIRST_THREAD = """
import ctypes, threading
threading.Thread(target=threading.Event().wait).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_one_whose_first_thread_is_dead_lives_as_long_as_another_of_its_threads(tmp_path: Path) -> None:
    pid = spawn([sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD], tmp_path, os.environ)
    try:
        state = Path(f"/proc/{pid}/task/{pid}/stat")
        eventually(lambda: state.read_text().rpartition(")")[2].split()[0], lambda found: found == "Z")
        assert running(tmp_path) == pid
        assert not gone(tmp_path, 0)
    finally:
        assert end(tmp_path, signal.SIGKILL, 60)
    assert running(tmp_path) is None
