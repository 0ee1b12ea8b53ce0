"""Lanes: a partner that never answers holds up its own work, and no call and no other partner's work.

With real threads; the slow partner's handler waits until the test is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger_sync.bank.jobs.lanes import Lanes
from ledger_sync.bank.jobs.outbox import Outbox, one_by_one
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.sql.storage import SqlStorage
from tests.ledger_sync.bank.inside import storage_in
from tests.support.world import NOW

SLOW, QUICK = "slow", "quick"


@dataclass
class LanesRig:
    """A work list whose handlers do what the test says."""

    storage: SqlStorage
    patience: float = 0.2
    over: threading.Event = field(default_factory=threading.Event)
    done: list[Job] = field(default_factory=list)
    attempts: list[Job] = field(default_factory=list)
    is_slow: Callable[[Job], bool] = lambda item: item.target == SLOW
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.work = JobQueue(self.storage.jobs, lambda: NOW, "1")
        outbox = Outbox(self.work, dict.fromkeys(JobKind, one_by_one(self._handle)))
        self.lanes = Lanes(self.work, outbox, (SLOW, QUICK), self.patience, self.patience)

    def _handle(self, item: Job) -> None:
        self._note(self.attempts, item)
        if self.is_slow(item):
            self.over.wait()
        self.work.done(item)
        self._note(self.done, item)

    def _note(self, where: list[Job], item: Job) -> None:
        with self.changed:
            where.append(item)
            self.changed.notify_all()

    def add(self, *items: Job) -> None:
        with self.storage.unit.transaction():
            for item in items:
                self.work.add(item)

    def until(self, what: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(what, 60)

    def start(self) -> None:
        for worker in self.lanes.workers.values():
            worker.start()

    def close(self) -> None:
        self.over.set()
        for worker in self.lanes.workers.values():
            worker.stop()
        self.storage.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LanesRig]:
    rig = LanesRig(storage_in(tmp_path / "bank.db"))
    yield rig
    rig.close()


def _item(kind: JobKind, target: str, number: int = 0) -> Job:
    return Job(kind, target, bytes([number]) * 32)


def test_all_work_but_the_slow_partners_gets_done(rig: LanesRig) -> None:
    others = [
        _item(kind, QUICK)
        for kind in (JobKind.RELAY_FULL, JobKind.RELAY_BARE, JobKind.RELAY_ISSUANCE, JobKind.FETCH)
    ]
    others += [
        _item(kind, "") for kind in (JobKind.REDEEM, JobKind.REFUND, JobKind.REVOKE, JobKind.CHALLENGE)
    ]
    rig.add(_item(JobKind.RELAY_FULL, SLOW), _item(JobKind.FETCH, SLOW), *others)
    rig.start()
    rig.until(lambda: set(rig.done) == set(others))
    assert (
        rig.attempts.count(_item(JobKind.RELAY_FULL, SLOW)) + rig.attempts.count(_item(JobKind.FETCH, SLOW))
        == 1
    )


@pytest.mark.parametrize("kind", [JobKind.REFUND, JobKind.CHALLENGE, JobKind.REVOKE, JobKind.REDEEM])
def test_what_the_central_bank_answers_slowly_holds_up_nothing_else_of_its(
    rig: LanesRig, kind: JobKind
) -> None:
    rig.is_slow = lambda item: item.kind is kind
    rest = [_item(other, "") for other in (JobKind.REFUND, JobKind.CHALLENGE, JobKind.REVOKE, JobKind.REDEEM)]
    rig.add(*rest)
    rig.start()
    rig.until(lambda: len(rig.done) == 3)
    assert _item(kind, "") not in rig.done


def test_calls_come_back_though_what_they_want_never_ends_and_it_is_attempted_once(rig: LanesRig) -> None:
    wanted = _item(JobKind.FETCH, SLOW)
    rig.add(wanted)
    rig.start()
    with ThreadPoolExecutor(40) as calls:
        waiting = [calls.submit(rig.lanes.wait_for, lambda: [wanted]) for _ in range(40)]
        for call in waiting:
            call.result()
    assert rig.attempts == [wanted]


def test_a_call_waits_for_what_its_answer_depends_on(tmp_path: Path) -> None:
    """What one lane brings may be work for another; the call comes back when all of it is done."""
    rig = LanesRig(storage_in(tmp_path / "bank.db"), patience=60)
    first, second = _item(JobKind.FETCH, QUICK), _item(JobKind.CHALLENGE, "")
    handle = rig._handle

    def handler(item: Job) -> None:
        if item == first:
            rig.add(second)
        handle(item)

    rig.lanes._outbox._handlers = dict.fromkeys(JobKind, one_by_one(handler))
    rig.add(first)
    for worker in rig.lanes.workers.values():
        worker._seconds = 3_600
    rig.start()
    rig.lanes.wait_for(lambda: [first, second])
    assert set(rig.done) == {first, second}
    rig.close()


def test_without_threads_the_caller_makes_the_rounds(rig: LanesRig) -> None:
    items = [_item(JobKind.REDEEM, "", 1), _item(JobKind.FETCH, QUICK, 2)]
    rig.add(*items, _item(JobKind.RELAY_FULL, "nobody we have a line to", 3))
    rig.lanes.wait_for(lambda: items)
    assert set(rig.done) == set(items)
    for lane in rig.lanes.lanes:
        rig.lanes.round(lane)
    assert len(rig.done) == 3
