"""A child that does not outlive its parent, whatever it does by then.

Rule: the kernel kills it once the thread that forked it has ended (prctl(2), PR_SET_PDEATHSIG), so that also a child
that is stopped, or stuck in a call, holds nothing that it has inherited. Where the kernel takes no such order the child
goes on, and has to notice by itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
Prctl = Callable[[int, int], int]
"""prctl(2), with its first argument."""


def _found() -> Prctl | None:
    """Looked up before anybody forks: a child calls it before it is a program of its own."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    prctl.argtypes = (ctypes.c_int, ctypes.c_ulong)
    known: Prctl = prctl
    return known


_PRCTL: Final = _found()


def tied_to(parent: int, prctl: Prctl | None = _PRCTL) -> Callable[[], None]:
    """What a child of ``parent`` does right after the fork. It stays so through an exec. One whose parent is gone by
    then, of whose end it would not hear any more, ends at once."""

    def tie() -> None:
        if prctl is not None and prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) == 0 and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
