"""Lanes: each partner's work in a thread of its own, and at the central bank each kind of it.

Rule: a slow partner keeps its own work waiting and nobody else's, nor anybody's call: a piece of work is attempted by
whoever has claimed it, so at one place at a time, also where several processes have lanes. A call whose answer depends
on work has the lane make a round and waits for that, but not for long, never beside many others, and not at all for a
lane that is held up already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from ledger_sync.bank.jobs.outbox import Outbox
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.service.worker import Worker

BETWEEN_BANKS: Final = (
    JobKind.FETCH,
    JobKind.RELAY_KEY,
    JobKind.RELAY_FULL,
    JobKind.RELAY_BARE,
    JobKind.RELAY_ISSUANCE,
)
AT_THE_CENTRAL_BANK: Final = (JobKind.REDEEM, JobKind.CHALLENGE, JobKind.REVOKE, JobKind.REFUND)
CENTRAL_BANK: Final = ""
_ELSEWHERE: Final = "elsewhere"
_SECONDS: Final = 1
"""Between two rounds of a lane that nobody hurries."""
_PASSES: Final = 4
"""Rounds that a call waits for: what one lane brings may be work for another."""
_FOR_A_BANK: Final = 2.0
_FOR_THE_CENTRAL_BANK: Final = 6.0
_MAX_BESIDE: Final = 3
"""Calls that wait for one lane at a time."""


@dataclass(frozen=True, slots=True)
class Lane:
    """``target`` None: all banks to which there is no line."""

    name: str
    target: str | None
    kinds: tuple[JobKind, ...]
    patience: float


class Lanes:
    """The lanes of a bank node, each with its worker."""

    def __init__(
        self,
        work: JobQueue,
        outbox: Outbox,
        banks: Iterable[str],
        for_a_bank: float = _FOR_A_BANK,
        for_the_central_bank: float = _FOR_THE_CENTRAL_BANK,
    ) -> None:
        """``for_…``: seconds that a call waits for a lane."""
        self._work = work
        self._outbox = outbox
        self._banks = tuple(banks)
        central = [
            Lane(kind.value, CENTRAL_BANK, (kind,), for_the_central_bank) for kind in AT_THE_CENTRAL_BANK
        ]
        others = [Lane(f"bank {bank}", bank, BETWEEN_BANKS, for_a_bank) for bank in self._banks]
        self.lanes: tuple[Lane, ...] = (*central, *others, Lane(_ELSEWHERE, None, BETWEEN_BANKS, 0))
        self.workers: Mapping[Lane, Worker] = {
            lane: Worker(f"outbox: {lane.name}", _SECONDS, partial(self.round, lane)) for lane in self.lanes
        }

    def round(self, lane: Lane) -> None:
        """All that is due in a lane."""
        if lane.target is not None:
            self._outbox.round(lane.kinds, lane.target)
            return
        for target in self._work.answering():
            if target not in (CENTRAL_BANK, *self._banks):
                self._outbox.round(lane.kinds, target)

    def hurry(self) -> None:
        """There may be something to do now in the lanes for which work was noted since this was last said."""
        noted = self._work.take_noted()
        for lane, worker in self.workers.items():
            if any(kind in lane.kinds and lane.target in (None, target) for kind, target in noted):
                worker.poke()

    def wait_for(self, wanted: Callable[[], Iterable[Job]]) -> None:
        """Have the lanes of what is ``wanted`` and ready now make rounds, until nothing of it is or one is held up."""
        for _ in range(_PASSES):
            ready = {self._lane_of(item) for item in self._work.ready(wanted())}
            lanes = [lane for lane in self.lanes if lane in ready]
            if not lanes:
                return
            for lane in lanes:
                self.workers[lane].poke()
            # Each has its turn, also where one before lets wait.
            if not all([self.workers[lane].turn(lane.patience, _MAX_BESIDE) for lane in lanes]):  # noqa: C419
                return

    def _lane_of(self, item: Job) -> Lane:
        return next(
            lane for lane in self.lanes if item.kind in lane.kinds and lane.target in (None, item.target)
        )
