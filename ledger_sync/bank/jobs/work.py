"""Durable work: the bank's jobs (`ledger_sync.bank.ports.jobs`) by its clock, with its pauses.

Rule: work is written in the transaction that calls for it. Each piece is idempotent at the other end, so a crash
between doing it and noting that it is done only does it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from ledger_sync.bank.ports.jobs import Claim, Job, JobKind, Jobs
from wallet.protocol.codes import Refusal

HELD: Final = 40
"""Seconds for which a piece of work is claimed: its calls to others end well before half of them are over."""
_LONGEST_PAUSE: Final = 32
"""Seconds between two attempts at most."""
_WRITTEN: Final = (1, 2, 4, 8, 16, _LONGEST_PAUSE)


class JobQueue:
    """What this process notes, claims and does. Writes within the caller's transaction."""

    def __init__(self, jobs: Jobs, clock: Callable[[], int], owner: str) -> None:
        """``owner`` tells this process from others that work on the same store, also after it was started again."""
        self._jobs = jobs
        self._clock = clock
        self._owner = owner
        self._noted: set[tuple[JobKind, str]] = set()

    def begin(self) -> None:
        """After a start: everything open is due now, but for what another process is at."""
        self._jobs.free(self._owner, self._clock())

    def add(self, item: Job) -> bool:
        """Whether it was not there before, done or not."""
        self._noted.add((item.kind, item.target))
        return self._jobs.add(item, self._clock())

    def again(self, item: Job) -> None:
        """Do it, also if it was done before."""
        self._noted.add((item.kind, item.target))
        self._jobs.again(item, self._clock())

    def open_again(
        self, target: str, kinds: Collection[JobKind], since: int, most: int
    ) -> tuple[int, int | None]:
        """`Jobs.open_again`, now."""
        return self._jobs.open_again(target, kinds, since, most, self._clock())

    def take_noted(self) -> frozenset[tuple[JobKind, str]]:
        """Of which kinds and for whom work was written since this was last asked: a hint for who may sleep."""
        noted, self._noted = self._noted, set()
        return frozenset(noted)

    def drop(self, item: Job) -> None:
        """It is no longer needed, if it was not done yet."""
        self._jobs.drop(item)

    def done(self, item: Job) -> None:
        """It is dated by when it was done from now on, however long ago it was due."""
        self._jobs.done(item, self._clock())

    def claim(self, limit: int, kinds: Collection[JobKind], target: str) -> list[Claim]:
        """The oldest work that is due, for this process alone to do in the next `HELD` seconds."""
        now = self._clock()
        return self._jobs.claim(self._owner, limit, kinds, target, now, now + HELD)

    def is_ours(self, claim: Claim) -> bool:
        """Whether it is still to be done here, with time enough to do it."""
        now = self._clock()
        if claim.until - now > HELD // 2:
            return self._jobs.stands(claim)
        return self._jobs.renew(claim, now + HELD)

    def finish(self, claims: Iterable[Claim]) -> None:
        """Their work is done, if nobody noted that before."""
        self._jobs.finish(claims, self._clock())

    def release(self, claims: Iterable[Claim]) -> None:
        """Nobody tried."""
        self._jobs.release(claims)

    def failed(self, claim: Claim, refusal: Refusal) -> None:
        """Try again later: after 1, 2, 4 ... seconds."""
        self._jobs.retry(claim, self._clock() + _pause(claim.attempts), refusal.code)

    def postpone(self, claim: Claim, refusal: Refusal) -> None:
        """The partner can't be reached: no call waits for its work before another pause; its lane goes on trying."""
        now, target = self._clock(), claim.item.target
        self._jobs.hold_up(target, now + _pause(self._jobs.silences(target)))
        self._jobs.retry(claim, now, refusal.code)

    def reached(self, target: str) -> None:
        """A partner answers."""
        self._jobs.reached(target)

    def answering(self) -> Sequence[str]:
        """Partners with work, done or not, who are not known to be out of reach."""
        return self._jobs.answering(self._clock())

    def ready(self, items: Iterable[Job]) -> list[Job]:
        """Those of ``items`` that are open and whose time has come, or that are being done."""
        return self._jobs.ready(items, self._clock())

    def first(self, kind: JobKind, target: str) -> Job | None:
        """The oldest that is ready."""
        return self._jobs.first(kind, target, self._clock())

    def is_open(self, item: Job) -> bool:
        return self._jobs.is_open(item)

    def is_known(self, item: Job) -> bool:
        """Whether it was ever written, done or not."""
        return self._jobs.is_known(item)

    def attempts(self, item: Job) -> int:
        """How often it was refused."""
        return self._jobs.attempts(item)

    def open_subjects(self, kind: JobKind, target: str) -> Sequence[bytes]:
        """What all open work of a kind for a partner is about."""
        return self._jobs.open_subjects(kind, target)


def _pause(attempts: int) -> int:
    return _WRITTEN[min(attempts, len(_WRITTEN) - 1)]
