"""Jobs: what has to be done for others after an answer, kept until it is done, and done by one at a time.

Rule: a job is written in the transaction that calls for it. Whoever does it claims it first, for a while: nobody else
can claim it before that is over, and a claim whose holder died ends by itself. Each job is idempotent at the other end,
so whoever is slower than its claim only has it done again. Times are unix seconds of the caller's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from wallet.protocol.codes import Code

LONGEST: Final = 60
"""Seconds. What is due later than that from now was written by a clock that was wrong, and is due:
a claim or a pause is shorter by more than the clocks of two processes differ."""


class JobKind(StrEnum):
    """WHOLE: pass a transfer on with its provenance. PAYLOAD: pass on the transfer alone. MONEY: pass an issuance
    on. KEY: open what else concerns a key, for a bank that has certified it. FETCH: get a conflict's other payload.
    REDEEM, REFUND, REVOKE, CHALLENGE: ask the central bank."""

    RELAY_FULL = "whole"
    RELAY_BARE = "payload"
    RELAY_ISSUANCE = "money"
    RELAY_KEY = "key"
    FETCH = "fetch"
    REDEEM = "redeem"
    REFUND = "refund"
    REVOKE = "revoke"
    CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class Job:
    """A job. ``target`` is a bank's id, or empty for the central bank; ``subject`` names what it is about."""

    kind: JobKind
    target: str
    subject: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that its holder does now, before ``until``. ``number`` tells this claim from every other one of the same
    job; ``due`` is since when the job was due, ``attempts`` how often it was refused before."""

    item: Job
    number: int
    due: int
    attempts: int
    until: int


class Jobs(Protocol):
    """What writes does so within the caller's transaction, if there is one."""

    # noting

    def add(self, item: Job, now: int) -> bool:
        """Note a job, due ``now``. Whether it was not there before, done or not."""

    def again(self, item: Job, now: int) -> None:
        """Have it done, also if it was done before; once more, where somebody is at it."""

    def open_again(
        self, target: str, kinds: Collection[JobKind], since: int, most: int, now: int
    ) -> tuple[int, int | None]:
        """What of these kinds was done for ``target`` at ``since`` or later is to be done once more: the first
        ``most``, and what was done in the same second. How much that is; and from when on the rest was done."""

    def drop(self, item: Job) -> bool:
        """It is no longer needed. Whether it was there and not done."""

    def forget(self, kinds: Collection[JobKind], subject: bytes) -> None:
        """Nothing of these kinds is known about ``subject`` any more, for no partner, done or not."""

    def done(self, item: Job, now: int) -> bool:
        """It is done, whoever did it, and dated by that; but what was asked for `again` since it was claimed is done
        once more. Whether it was open."""

    # doing

    def claim(
        self, owner: str, limit: int, kinds: Collection[JobKind], target: str, now: int, until: int
    ) -> list[Claim]:
        """The first ``limit`` open jobs of these ``kinds`` for ``target`` whose time has come, oldest first, for nobody
        but ``owner`` to do before ``until``. What others claim, do or drop at the same time is left out."""

    def stands(self, claim: Claim) -> bool:
        """Whether nobody has done, dropped or claimed it since."""

    def renew(self, claim: Claim, until: int) -> bool:
        """Keep it until then. Whether it still stood; if not, nothing is changed."""

    def finish(self, claims: Iterable[Claim], now: int) -> Sequence[Claim]:
        """As `done`, by whom they are claimed. Those that still stood; the others are left as they are."""

    def release(self, claims: Iterable[Claim]) -> Sequence[Claim]:
        """They were not tried, and are due for everybody as they were before. Those that still stood; the others are
        left as they are."""

    def retry(self, claim: Claim, due: int, code: Code) -> bool:
        """It was tried once more, refused by ``code``, and is due then for everybody. Whether the claim still stood; if
        not, nothing is changed."""

    def free(self, owner: str, now: int) -> None:
        """After a start of ``owner``: what it had claimed before is free, everything that nobody has claimed is due,
        its attempts are forgotten, and nobody is held up."""

    # partners

    def hold_up(self, target: str, until: int) -> None:
        """A partner can't be reached: nobody waits for its jobs before then."""

    def reached(self, target: str) -> None:
        """It answers."""

    def silences(self, target: str) -> int:
        """How often it was held up since it answered last."""

    def answering(self, now: int) -> Sequence[str]:
        """The partners for whom there ever was a job, and who are not held up."""

    # asking

    def ready(self, items: Iterable[Job], now: int) -> list[Job]:
        """Those that are open, of partners who are not held up, and whose time has come or that somebody is at."""

    def first(self, kind: JobKind, target: str, now: int) -> Job | None:
        """The oldest of the jobs of which `ready` would say the same."""

    def is_open(self, item: Job) -> bool: ...

    def is_known(self, item: Job) -> bool:
        """Whether it was ever noted, done or not."""

    def attempts(self, item: Job) -> int:
        """How often it was refused; 0 where it is not known."""

    def open_subjects(self, kind: JobKind, target: str) -> Sequence[bytes]:
        """Of all open jobs of one kind for one partner, in their order."""
