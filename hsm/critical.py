"""One lock around every PKCS#11 call of this process, and SIGTERM kept out of it.

Rule: python-pkcs11 releases the interpreter lock while SoftHSM runs without its own mutexes, so two
threads inside it corrupt memory; and a process that dies inside C_Login or C_SetPIN leaves the token
empty. So calls are made inside `critical()`, and a termination that arrives meanwhile is delivered
when the section ends. SIGKILL cannot be held back; `hsm.softhsm_files` repairs what it leaves.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

LEAVE_SECONDS: Final = 10

_lock = threading.RLock()
_depth = 0
_owner: int | None = None
_chained: signal._HANDLER = signal.SIG_DFL
_installed = False
_waiting_frames: list[FrameType | None] = []


@contextmanager
def critical() -> Iterator[None]:
    """Hold the process-wide PKCS#11 lock (re-entrant); deliver a held-back SIGTERM on leaving."""
    global _depth, _owner
    try:
        with _lock:
            _owner = threading.get_ident()
            _depth += 1
            try:
                yield
            finally:
                _depth -= 1
                if _depth == 0:
                    _owner = None
    finally:
        _deliver_waiting()


def hold_termination() -> bool:
    """Put our SIGTERM handler in front of the one installed now; True if a call is safe from SIGTERM.

    Python runs handlers between byte codes, so any handler of its own lets a running call end; ours
    also waits for the whole section and then does what would have been done without it. Only the main
    thread may install one (a rule of Python). Elsewhere, or where the present handler was not
    installed from Python and so cannot be called, nothing changes.
    """
    global _chained, _installed
    present = signal.getsignal(signal.SIGTERM)
    if present is None:
        return False
    if present is _on_termination or (_installed and callable(present)):
        return True
    if threading.current_thread() is not threading.main_thread():
        return callable(present) or present == signal.SIG_IGN
    _chained = present
    signal.signal(signal.SIGTERM, _on_termination)
    _installed = True
    return True


def _on_termination(_number: int, frame: FrameType | None) -> None:
    if _owner == threading.get_ident():
        _waiting_frames.append(frame)
        return
    _chain(frame)


def _deliver_waiting() -> None:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if _waiting_frames and in_main_thread and _owner != threading.get_ident():
        frame = _waiting_frames.pop()
        _waiting_frames.clear()
        _chain(frame)


def _chain(frame: FrameType | None) -> None:
    if callable(_chained):
        _chained(signal.SIGTERM, frame)
    elif _chained == signal.SIG_DFL:
        with _lock:  # another thread may be inside
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)


def _let_others_finish() -> None:
    """At interpreter exit: keep daemon threads from dying inside a call, then from starting one."""
    _lock.acquire(timeout=LEAVE_SECONDS)


atexit.register(_let_others_finish)
