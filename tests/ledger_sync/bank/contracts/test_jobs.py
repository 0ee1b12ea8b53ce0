"""The jobs' contract: noted once, claimed by one at a time also among several processes, and never lost."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger_sync.bank.ports.jobs import LONGEST, Claim, Job, JobKind, Jobs
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import NOW
from wallet.protocol.codes import Code

ONE, TWO = "one", "two"
HELD = 10
ZHIBEK = "zhibek"


def item(number: int, kind: JobKind = JobKind.RELAY_FULL, target: str = ZHIBEK) -> Job:
    return Job(kind, target, number.to_bytes(32))


def claim(jobs: Jobs, owner: str = ONE, limit: int = 8, now: int = NOW, target: str = ZHIBEK) -> list[Claim]:
    return jobs.claim(owner, limit, tuple(JobKind), target, now, now + HELD)


@pytest.fixture
def jobs(storage: Storage) -> Jobs:
    return storage.jobs


@pytest.fixture
def other(storage: Storage, backend: Backend) -> Jobs:
    """Another process on the same store."""
    return backend.open().jobs


def test_a_job_is_noted_once_done_or_not(jobs: Jobs) -> None:
    assert jobs.add(item(1), NOW)
    assert not jobs.add(item(1), NOW)
    assert jobs.is_open(item(1))
    assert jobs.done(item(1), NOW)
    assert not jobs.add(item(1), NOW)
    assert not jobs.done(item(1), NOW)
    assert (jobs.is_open(item(1)), jobs.is_known(item(1)), jobs.is_known(item(2))) == (False, True, False)


def test_what_is_noted_in_a_transaction_that_fails_was_never_there(storage: Storage) -> None:
    with contextlib.suppress(RuntimeError), storage.unit.transaction():
        storage.jobs.add(item(1), NOW)
        storage.jobs.hold_up(ZHIBEK, NOW + 1)
        raise RuntimeError
    assert not storage.jobs.is_known(item(1))
    assert storage.jobs.silences(ZHIBEK) == 0


def test_what_is_claimed_is_the_oldest_of_its_kinds_and_partner_and_due(jobs: Jobs) -> None:
    for number, due in enumerate([NOW, NOW - 2, NOW + 1, NOW - 1]):
        jobs.add(item(number), due)
    jobs.add(item(4, JobKind.RELAY_ISSUANCE), NOW - 3)
    jobs.add(item(5, target="alatau"), NOW - 9)
    found = jobs.claim(ONE, 2, (JobKind.RELAY_FULL, JobKind.RELAY_BARE), ZHIBEK, NOW, NOW + HELD)
    assert found == [
        Claim(item(1), 1, NOW - 2, 0, NOW + HELD),
        Claim(item(3), 1, NOW - 1, 0, NOW + HELD),
    ]
    assert [one.item for one in claim(jobs)] == [item(4, JobKind.RELAY_ISSUANCE), item(0)]
    assert claim(jobs) == []


def test_what_one_has_claimed_nobody_else_gets_until_its_time_is_over(jobs: Jobs, other: Jobs) -> None:
    jobs.add(item(1), NOW)
    (first,) = claim(jobs)
    assert claim(other, TWO) == claim(jobs) == claim(other, TWO, now=NOW + HELD - 1) == []
    assert jobs.stands(first)
    (second,) = claim(other, TWO, now=NOW + HELD)
    assert second.number != first.number
    assert not jobs.stands(first)
    assert jobs.finish([first], NOW) == jobs.release([first]) == []
    assert not jobs.retry(first, NOW, Code.BUSY)
    assert not jobs.renew(first, NOW + HELD)
    assert other.finish([second], NOW + HELD) == [second]
    assert not jobs.is_open(item(1))


def test_a_claim_that_is_renewed_lasts_longer(jobs: Jobs, other: Jobs) -> None:
    jobs.add(item(1), NOW)
    (held,) = claim(jobs)
    assert jobs.renew(held, NOW + 2 * HELD)
    assert claim(other, TWO, now=NOW + 2 * HELD - 1) == []
    assert len(claim(other, TWO, now=NOW + 2 * HELD)) == 1


def test_a_claim_without_end_is_of_a_clock_that_was_wrong(jobs: Jobs, other: Jobs) -> None:
    jobs.add(item(1), NOW)
    jobs.claim(ONE, 1, tuple(JobKind), ZHIBEK, NOW, NOW + LONGEST)
    assert claim(other, TWO) == []
    assert [one.item for one in claim(other, TWO, now=NOW - 1)] == [item(1)]


def test_who_starts_again_has_nothing_claimed_and_takes_nothing_from_others(jobs: Jobs, other: Jobs) -> None:
    for number in range(3):
        jobs.add(item(number), NOW)
    (dead,) = claim(jobs, limit=1)
    (alive,) = claim(other, TWO, limit=1)
    (failed,) = claim(other, TWO, limit=1)
    other.retry(failed, NOW + 5, Code.BUSY)
    jobs.hold_up(ZHIBEK, NOW + 9)
    jobs.free(ONE, NOW)
    assert {(one.item, one.attempts) for one in claim(jobs)} == {(dead.item, 0), (failed.item, 0)}
    assert jobs.ready([item(0)], NOW) == [item(0)]
    assert jobs.silences(ZHIBEK) == 0
    assert other.stands(alive)
    assert not jobs.stands(dead)


def test_a_refusal_counts_and_puts_it_off(jobs: Jobs) -> None:
    jobs.add(item(1), NOW)
    for attempt in range(3):
        (held,) = claim(jobs, now=NOW + attempt)
        assert held.attempts == jobs.attempts(item(1)) == attempt
        assert jobs.retry(held, NOW + attempt + 1, Code.BUSY)
        assert not jobs.stands(held)
        assert claim(jobs, now=NOW + attempt) == []
    assert jobs.attempts(item(2)) == 0


def test_what_nobody_tried_is_due_as_before(jobs: Jobs) -> None:
    jobs.add(item(1), NOW - 7)
    held = claim(jobs)
    assert jobs.release(held) == held
    (again,) = claim(jobs)
    assert (again.due, again.attempts) == (NOW - 7, 0)


def test_what_is_asked_for_again_is_done_once_more_and_by_nobody_else_meanwhile(
    jobs: Jobs, other: Jobs
) -> None:
    jobs.add(item(1), NOW)
    held = claim(jobs)
    other.again(item(1), NOW)
    assert claim(other, TWO) == []
    assert jobs.finish(held, NOW) == held
    assert jobs.is_open(item(1))
    held = claim(other, TWO)
    assert other.finish(held, NOW) == held
    assert not jobs.is_open(item(1))
    jobs.again(item(1), NOW)
    jobs.again(item(2), NOW)
    assert [one.item for one in claim(jobs)] == [item(1), item(2)]


def test_also_what_somebody_else_notes_as_done(jobs: Jobs) -> None:
    jobs.add(item(1), NOW)
    (held,) = claim(jobs)
    jobs.again(item(1), NOW)
    assert jobs.done(item(1), NOW)
    assert jobs.is_open(item(1))
    assert jobs.finish([held], NOW) == []
    assert jobs.done(item(1), NOW)
    assert not jobs.is_open(item(1))


def test_what_is_needed_no_more_is_forgotten_but_not_what_was_done(jobs: Jobs) -> None:
    for number in range(2):
        jobs.add(item(number), NOW)
    (held,) = claim(jobs, limit=1)
    assert jobs.drop(held.item)
    assert not jobs.stands(held)
    assert jobs.finish([held], NOW) == []
    assert not jobs.drop(held.item)
    jobs.done(item(1), NOW)
    assert not jobs.drop(item(1))
    assert (jobs.is_known(held.item), jobs.is_known(item(1))) == (False, True)


def test_of_what_is_forgotten_nothing_is_known_for_any_partner(jobs: Jobs) -> None:
    bare = item(1, JobKind.RELAY_BARE, "altyn")
    left = [item(1, JobKind.FETCH), item(2)]
    for one in (item(1), bare, *left):
        jobs.add(one, NOW)
    (held,) = jobs.claim(ONE, 8, (JobKind.RELAY_FULL,), ZHIBEK, NOW, NOW + HELD)[:1]
    jobs.done(bare, NOW)
    jobs.forget((JobKind.RELAY_FULL, JobKind.RELAY_BARE), item(1).subject)
    assert not jobs.is_known(item(1))
    assert not jobs.is_known(bare)
    assert jobs.finish([held], NOW) == []
    assert all(jobs.is_open(one) for one in left)


def test_what_was_done_since_is_opened_in_slices(jobs: Jobs) -> None:
    for number, when in enumerate([1, 2, 2, 3, 4]):
        jobs.add(item(number), NOW)
        jobs.done(item(number), NOW + when)
    jobs.add(item(5, JobKind.REDEEM), NOW)
    jobs.done(item(5, JobKind.REDEEM), NOW + 2)
    assert jobs.open_again(ZHIBEK, (JobKind.RELAY_FULL,), NOW + 2, 1, NOW) == (2, NOW + 3)
    assert jobs.open_again(ZHIBEK, (JobKind.RELAY_FULL,), NOW + 3, 2, NOW) == (2, NOW + 5)
    assert jobs.open_again(ZHIBEK, (JobKind.RELAY_FULL,), NOW + 5, 2, NOW) == (0, None)
    assert [one.item for one in claim(jobs)] == [item(number) for number in range(1, 5)]


def test_nobody_waits_for_a_partner_that_is_held_up(jobs: Jobs) -> None:
    jobs.add(item(1), NOW)
    jobs.add(item(1, target=""), NOW)
    jobs.hold_up(ZHIBEK, NOW + 5)
    jobs.hold_up(ZHIBEK, NOW + 6)
    assert jobs.silences(ZHIBEK) == 2
    assert jobs.answering(NOW) == [""]
    assert jobs.ready([item(1), item(1, target="")], NOW) == [item(1, target="")]
    assert jobs.first(JobKind.RELAY_FULL, ZHIBEK, NOW) is None
    assert jobs.ready([item(1)], NOW + 6) == [item(1)]
    assert jobs.answering(NOW + 6 - LONGEST) == [""]
    assert set(jobs.answering(NOW + 5 - LONGEST)) == {"", ZHIBEK}
    jobs.reached(ZHIBEK)
    assert jobs.silences(ZHIBEK) == 0
    assert jobs.first(JobKind.RELAY_FULL, ZHIBEK, NOW) == item(1)
    assert set(jobs.answering(NOW)) == {"", ZHIBEK}


def test_ready_is_what_is_due_or_being_done(jobs: Jobs) -> None:
    for number, due in enumerate([NOW, NOW, NOW, NOW + 1]):
        jobs.add(item(number), due)
    (held,) = claim(jobs, limit=1)
    jobs.done(item(2), NOW)
    assert held.item == item(0)
    assert jobs.ready([item(number) for number in range(5)], NOW) == [item(0), item(1)]
    assert jobs.first(JobKind.RELAY_ISSUANCE, ZHIBEK, NOW) is None
    assert jobs.open_subjects(JobKind.RELAY_FULL, ZHIBEK) == [item(number).subject for number in (0, 1, 3)]


def test_of_many_that_claim_at_once_each_job_goes_to_one(backend: Backend) -> None:
    """Threads of two processes claim and finish until nothing is left; now and then one only gives back."""
    processes = [backend.open(), backend.open()]
    jobs = [item(number) for number in range(150)]
    with processes[0].unit.transaction():
        for one in jobs:
            processes[0].jobs.add(one, NOW)
    holding: set[Job] = set()
    done: Counter[Job] = Counter()
    both: list[Job] = []
    guard = threading.Lock()

    def work(number: int) -> None:
        mine, owner = processes[number % 2].jobs, str(number)
        rounds = 0
        while claims := claim(mine, owner, limit=7):
            with guard:
                both.extend(one.item for one in claims if one.item in holding)
                holding.update(one.item for one in claims)
            assert all(mine.stands(one) for one in claims)
            with guard:
                holding.difference_update(one.item for one in claims)
            rounds += 1
            if rounds % 3 == 0:
                assert mine.release(claims) == claims
            else:
                assert mine.finish(claims, NOW) == claims
                with guard:
                    done.update(one.item for one in claims)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, number) for number in range(4)]:
            future.result()
    assert both == []
    assert done == Counter(jobs)
