"""A child ends with its parent, and not because of whoever else it may have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from ledger_sync.service.child import Prctl, tied_to

_REFUSED = -1


def status(parent: int, *prctl: Prctl | None) -> int:
    """That of a child which is to end with ``parent`` and else ends in order."""
    return subprocess.run(
        [sys.executable, "-c", ""], preexec_fn=tied_to(parent, *prctl), check=False
    ).returncode


def test_it_lives_as_long_as_its_parent() -> None:
    assert status(os.getpid()) == 0


def test_who_has_lost_its_parent_before_it_could_ask_for_that_ends_too() -> None:
    assert status(os.getppid()) == -signal.SIGKILL


def test_where_the_kernel_takes_no_such_order_it_goes_on() -> None:
    assert status(os.getppid(), None) == 0
    assert status(os.getppid(), lambda _option, _value: _REFUSED) == 0
