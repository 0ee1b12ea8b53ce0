"""What other banks had passed on and a bank, put back from a backup, may have lost.

Rule: after each start a bank asks every other one to pass on once more what it passed on since the last that this bank
has heard of the notary, and for as long before as the date of that may be ahead; what it has is a repeat and changes
nothing. How often a bank may ask is bounded, since being asked costs the other work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import BankClients
from ledger_sync.bank.ports.jobs import JobKind
from wallet.protocol.bounds import FAR_AHEAD
from wallet.protocol.codes import Code, Refusal, require

_PASSED_ON: Final = (JobKind.RELAY_FULL, JobKind.RELAY_BARE, JobKind.RELAY_ISSUANCE)
_HOUR: Final = 3_600
_ASKED_AN_HOUR: Final = 6
"""Starts of one bank in an hour that are answered."""
_SLICE: Final = 1_024
"""What is opened in one transaction."""
_log: Final = logging.getLogger(__name__)


class AskingAgain:
    """The banks that are left to ask since this start."""

    def __init__(self, context: BankContext, banks: BankClients, others: Iterable[str]) -> None:
        self._banks = banks
        self._left = sorted(others)
        last = context.storage.settlements.last_heard()
        self._since = max(0, last - FAR_AHEAD)

    def round(self) -> None:
        """Ask whoever can be reached."""
        for bank in tuple(self._left):
            try:
                self._banks.pass_on_again(bank, self._since)
            except Refusal as refusal:
                _log.info("asking what was passed on", extra={"peer": bank, "code": refusal.code})
            else:
                self._left.remove(bank)


class PassingOnAgain:
    """The answering side. Safe to share between threads."""

    def __init__(self, context: BankContext, work: JobQueue, clock: Callable[[], int]) -> None:
        self._unit = context.storage.unit
        self._work = work
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: dict[str, list[int]] = {}

    def open(self, bank: str, since: int) -> int:
        """Open what was passed on to ``bank`` since ``since`` (unix seconds) once more; how much. In slices, so that no
        other call waits for all of it. BUSY where it asked too often in the last hour."""
        now = self._clock()
        with self._lock:
            asked = [time for time in self._asked.get(bank, []) if now - _HOUR < time <= now]
            require(len(asked) < _ASKED_AN_HOUR, Code.BUSY)
            self._asked[bank] = [*asked, now]
        count = 0
        left: int | None = since
        while left is not None:
            with self._unit.transaction():
                opened, left = self._work.open_again(bank, _PASSED_ON, left, _SLICE)
            count += opened
        return count
