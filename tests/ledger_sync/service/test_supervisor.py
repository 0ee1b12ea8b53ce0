"""A supervisor starts nobody over and over."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from ledger_sync.service.inherited import Common
from ledger_sync.service.settings import Address
from ledger_sync.service.supervisor import Start, Supervisor

_LOOKS = 4
"""It hears that the worker takes calls, that it has ended, and looks once more."""


class Counted(Start):
    """Start that remembers whom it started."""

    started: list[int] = []

    def __call__(self, number: int, common: Common, lock: int) -> Any:
        self.started.append(number)
        return super().__call__(number, common, lock)


def test_a_worker_that_took_calls_and_ended_at_once_is_not_started_anew_at_once(tmp_path: Path) -> None:
    """As where the port of its figures is somebody else's: it would take calls and drop them each time."""
    start, looks = Counted("tests.support.short_lived", tmp_path, "PIN"), count(1)
    supervisor = Supervisor(start, 1, lambda: next(looks) > _LOOKS, ticks=lambda: 0.0)
    assert supervisor.run(Address("127.0.0.1", 0)) == 0
    assert start.started == [1]
