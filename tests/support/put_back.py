"""Services of a `System` put back from a backup, and what must hold of their books."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.system import System

BANK, OTHER_BANK = "alatau", "zhibek"
_AHEAD: Final = 20 * 3_600
"""Seconds, less than what a service waits for its operator for."""


class Backup:
    """A service's disk of one moment, in ``folder``, and putting it back."""

    def __init__(self, system: System, folder: Path, service: str = BANK) -> None:
        self._system, self._service = system, service
        self.folder = folder / f"backup of {service}"
        system.settle_down()
        system.network.back_up(service, self.folder)

    def put_back(self) -> None:
        self._system.settle_down()
        self._system.network.put_back(self._service, self.folder)
        self._system.settle_down()


@contextmanager
def all_ahead(system: System) -> Iterator[None]:
    """A block in which all clocks are wrong together."""
    system.now += _AHEAD
    yield
    system.now -= _AHEAD


def agree(system: System, bank: str = BANK) -> bool:
    """The bank's books are its position at the central bank, to the tiyn."""
    position, own, customers, _fundings, _redemptions = system.operate(bank, "/v1/books")
    sums = dict(system.operate(CENTRAL_BANK, "/v1/books")[3])
    return bool(position == sums[bank] == own + sum(balance for _, balance in customers))
