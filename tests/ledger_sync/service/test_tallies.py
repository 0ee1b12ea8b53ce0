"""Quotas of several processes: together they let in what one would, whichever is asked, and who dies holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.http.routes import MAX_BODY_BYTES, Caller, CallerKind
from ledger_sync.sandbox.making import module_environment
from ledger_sync.service import tallies
from ledger_sync.service.quotas import USUAL, Quotas
from ledger_sync.service.tallies import SharedTallies
from tests.ledger_sync.service.test_quotas import ANN, BOB, SMALL
from wallet.protocol.codes import Refusal

WORKERS = 3
QUOTAS = dict.fromkeys(USUAL, SMALL)


@contextmanager
def memory() -> Iterator[int]:
    descriptor = SharedTallies.memory(WORKERS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Crew:
    """The quotas of processes that share their tallies, by a clock that the test moves; here in one process."""

    def __init__(self, descriptor: int, count: int = WORKERS) -> None:
        self.now = 1_000.0
        self.descriptor = descriptor
        self.each = [self.one(number) for number in range(1, count + 1)]

    def one(self, number: int) -> Quotas:
        return Quotas(lambda: self.now, QUOTAS, SharedTallies(self.descriptor, WORKERS, number))


def asks(quotas: Quotas, caller: Caller = ANN, size: int = 0, rows: int = 0) -> int:
    """0 where it is let in and is through at once; else after how many seconds it may ask again."""
    try:
        with quotas.taken(caller, size) as charge:
            charge(rows)
            return 0
    except Refusal as refusal:
        return int(refusal.facts["after"])


CALL = st.tuples(
    st.sampled_from([ANN, BOB]),
    st.integers(0, WORKERS - 1),
    st.floats(0, 1),
    st.sampled_from([0, 1_000, MAX_BODY_BYTES]),
    st.sampled_from([0, 1, 3_000]),
)


@given(st.lists(CALL, max_size=40))
def test_together_they_answer_as_one_process_would(calls: list[tuple[Caller, int, float, int, int]]) -> None:
    with memory() as descriptor:
        crew = Crew(descriptor)
        alone = Quotas(lambda: crew.now, QUOTAS)
        for caller, number, pause, size, rows in calls:
            crew.now += pause
            assert asks(crew.each[number], caller, size, rows) == asks(alone, caller, size, rows)


def test_what_is_under_way_at_one_counts_at_the_others_and_ends_with_it() -> None:
    with memory() as descriptor, ExitStack() as calls:
        crew = Crew(descriptor)
        for quotas in crew.each[: SMALL.places]:
            calls.enter_context(quotas.taken(ANN, 0))
        assert asks(crew.each[2]) == 1
        assert asks(crew.each[2], BOB) == 0
        anew = crew.one(1)  # the first was killed
        assert asks(anew) == asks(crew.each[2]) == 0


def test_places_are_for_whoever_comes_once_they_are_free_and_beyond_them_each_counts_alone() -> None:
    """More callers at a time than there are places, in every neighbourhood."""
    callers = [replace(ANN, name=f"KZ{number}") for number in range(2 * tallies._PLACES)]
    with memory() as descriptor:
        crew = Crew(descriptor, 2)
        one, other = crew.each
        for caller in callers:
            assert asks(one, caller, MAX_BODY_BYTES) == 0
        told = [asks(other, caller, MAX_BODY_BYTES) for caller in callers[-50:]]
        assert 0 in told, "nobody is kept out for want of a place"
        assert all(asks(one, caller, MAX_BODY_BYTES) for caller in callers), "who has its part has no more"
        crew.now += 1_000
        newcomer = Caller(CallerKind.NEWCOMER, "", b"n" * 33)
        for caller in [*callers[:100], newcomer]:
            assert (asks(one, caller, MAX_BODY_BYTES), asks(other, caller, MAX_BODY_BYTES) > 0) == (0, True)


_RACE = """
import sys, time
from ledger_sync.http.routes import Caller, CallerKind
from ledger_sync.service.tallies import SharedTallies
from ledger_sync.service.quotas import USUAL, Quotas
from wallet.protocol.codes import Refusal
descriptor, number = int(sys.argv[1]), int(sys.argv[2])
quotas = Quotas(lambda: 1_000.0, USUAL, SharedTallies(descriptor, 3, number))
caller, let_in = Caller(CallerKind.CUSTOMER, "KZ1", b""), 0
print(flush=True)
sys.stdin.readline()
for _ in range(2_000):
    try:
        with quotas.taken(caller, 0):
            let_in += 1
    except Refusal:
        pass
print(let_in)
"""


def test_of_processes_that_race_no_call_is_let_in_twice() -> None:
    with memory() as descriptor, ExitStack() as stack:
        racers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _RACE, str(descriptor), str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=module_environment(),
                    pass_fds=(descriptor,),
                )
            )
            for number in (1, 2, 3)
        ]
        for racer in racers:
            assert racer.stdout is not None
            racer.stdout.readline()
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        let_in = [racer.communicate()[0] for racer in racers]
    assert sum(map(int, let_in)) == USUAL[CallerKind.CUSTOMER].burst_calls
