"""Jobs of two processes on one store, against a model of what was noted, claimed and done."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run

from ledger_sync.bank.ports.jobs import LONGEST, Claim, Job, JobKind
from tests.ledger_sync.bank.contracts.conftest import Lend
from tests.support.world import NOW
from wallet.protocol.codes import Code

OWNERS = ("one", "two")
PARTNERS = ("zhibek", "")
ITEMS = [
    Job(JobKind.RELAY_ISSUANCE, "zhibek", b"1"),
    Job(JobKind.RELAY_FULL, "zhibek", b"1"),
    Job(JobKind.RELAY_FULL, "zhibek", b"2"),
    Job(JobKind.REDEEM, "", b"1"),
]
HELD = 10

items = st.sampled_from(ITEMS)
owners = st.sampled_from(OWNERS)


@dataclass
class ModelJob:
    """What is known of one: ``holder`` with the ``number`` of its claim, which lasts until ``due``."""

    due: int
    done: bool = False
    attempts: int = 0
    holder: str | None = None
    number: int = 0
    again: bool = False

    def close(self, now: int) -> None:
        self.done, self.due = not self.again, now
        self.holder, self.again = None, False


class Model(RuleBasedStateMachine):
    """Times go forth by less than `LONGEST`; a claim may be worked off long after it ended."""

    lend: Lend
    claims = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.lent = ExitStack()
        store = self.lent.enter_context(type(self).lend())
        self.jobs = {owner: store.open().jobs for owner in OWNERS}
        self.known: dict[Job, ModelJob] = {}
        self.now = NOW
        for item in ITEMS[1:]:
            self.add("one", item)

    def teardown(self) -> None:
        self.lent.close()

    @rule(seconds=st.sampled_from([0, 1, HELD - 1, HELD, LONGEST // 2]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(by=owners, item=items)
    def add(self, by: str, item: Job) -> None:
        assert self.jobs[by].add(item, self.now) == (item not in self.known)
        self.known.setdefault(item, ModelJob(self.now))

    @rule(by=owners, item=items)
    def again(self, by: str, item: Job) -> None:
        self.jobs[by].again(item, self.now)
        job = self.known.setdefault(item, ModelJob(self.now))
        if job.holder is None:
            job.done, job.due = False, self.now
        else:
            job.again = True

    @rule(by=owners, item=items)
    def drop(self, by: str, item: Job) -> None:
        job = self.known.get(item)
        is_open = job is not None and not job.done
        assert self.jobs[by].drop(item) == is_open
        if is_open:
            del self.known[item]

    @rule(by=owners, item=items)
    def done(self, by: str, item: Job) -> None:
        job = self.known.get(item)
        assert self.jobs[by].done(item, self.now) == (job is not None and not job.done)
        if job is not None and not job.done:
            job.close(self.now)

    @rule(target=claims, by=owners, limit=st.integers(1, 4), partner=st.sampled_from(PARTNERS))
    def claim(self, by: str, limit: int, partner: str) -> object:
        due = [
            (job.due, item.kind, item.target, item.subject)
            for item, job in self.known.items()
            if item.target == partner and not job.done and job.due <= self.now
        ]
        claims = self.jobs[by].claim(by, limit, tuple(JobKind), partner, self.now, self.now + HELD)
        assert [(one.due, one.item.kind, one.item.target, one.item.subject) for one in claims] == sorted(due)[
            :limit
        ]
        for one in claims:
            job = self.known[one.item]
            assert one.attempts == job.attempts
            job.holder, job.number, job.due, job.again = by, one.number, self.now + HELD, False
        return multiple(*((by, one) for one in claims))

    def _held(self, by: str, claim: Claim) -> ModelJob | None:
        """The job, if the claim stands."""
        job = self.known.get(claim.item)
        is_held = job is not None and not job.done and (job.holder, job.number) == (by, claim.number)
        return job if is_held else None

    @rule(held=claims)
    def finish(self, held: tuple[str, Claim]) -> None:
        by, claim = held
        job = self._held(*held)
        assert self.jobs[by].finish([claim], self.now) == ([] if job is None else [claim])
        if job is not None:
            job.close(self.now)

    @rule(held=claims)
    def release(self, held: tuple[str, Claim]) -> None:
        by, claim = held
        job = self._held(*held)
        assert self.jobs[by].release([claim]) == ([] if job is None else [claim])
        if job is not None:
            job.holder, job.again, job.due = None, False, claim.due

    @rule(held=claims, pause=st.integers(0, 32))
    def retry(self, held: tuple[str, Claim], pause: int) -> None:
        by, claim = held
        job = self._held(*held)
        assert self.jobs[by].retry(claim, self.now + pause, Code.BUSY) == (job is not None)
        if job is not None:
            job.holder, job.again, job.due = None, False, self.now + pause
            job.attempts += 1

    @rule(held=claims)
    def renew(self, held: tuple[str, Claim]) -> None:
        by, claim = held
        job = self._held(*held)
        assert self.jobs[by].renew(claim, self.now + HELD) == (job is not None)
        if job is not None:
            job.due = self.now + HELD

    @rule(by=owners)
    def starts_again(self, by: str) -> None:
        self.jobs[by].free(by, self.now)
        for job in self.known.values():
            if not job.done and job.holder in (None, by):
                job.holder, job.again, job.attempts, job.due = None, False, 0, self.now

    @invariant()
    def both_see_the_same(self) -> None:
        if not hasattr(self, "jobs"):
            return
        ready = [
            item
            for item in ITEMS
            if (job := self.known.get(item)) is not None
            and not job.done
            and (job.due <= self.now or job.holder is not None)
        ]
        for jobs in self.jobs.values():
            assert [item for item in ITEMS if jobs.is_known(item)] == [
                item for item in ITEMS if item in self.known
            ]
            assert jobs.ready(ITEMS, self.now) == ready
            assert {item: jobs.attempts(item) for item in self.known} == {
                item: job.attempts for item, job in self.known.items()
            }


def test_two_processes_and_a_model_agree(lend: Lend, some: settings) -> None:
    run(
        type("Chosen", (Model,), {"lend": staticmethod(lend)}),
        settings=settings(some, max_examples=some.max_examples * 3 // 2, stateful_step_count=60),
    )
