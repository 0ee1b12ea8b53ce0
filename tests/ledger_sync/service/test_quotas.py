"""Quotas: nobody takes more than its part, has to wait for longer than it was told, or for another's sake."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.http.routes import MAX_BODY_BYTES, MAX_ROWS, Caller, CallerKind
from ledger_sync.service.quotas import USUAL, Quota, Quotas
from ledger_sync.service.tallies import OwnTallies
from wallet.protocol.codes import Code, Refusal

SMALL = Quota(
    places=2,
    calls=4.0,
    burst_calls=8.0,
    bytes=65_536.0,
    burst_bytes=float(MAX_BODY_BYTES),
    rows=2_000.0,
    burst_rows=float(MAX_ROWS),
)
ANN = Caller(CallerKind.CUSTOMER, "KZ1", b"a" * 33)
BOB = Caller(CallerKind.CUSTOMER, "KZ2", b"b" * 33)


class Rig:
    """Quotas by a clock that the test moves."""

    def __init__(self, quota: Quota = SMALL) -> None:
        self.now = 1_000.0
        self.tallies = OwnTallies()
        self.quotas = Quotas(lambda: self.now, dict.fromkeys(USUAL, quota), self.tallies)

    def asks(self, caller: Caller = ANN, size: int = 0, rows: int = 0) -> int:
        """0 where it is let in, with its rows, and is through at once; else after how many seconds it may ask again."""
        try:
            with self.quotas.taken(caller, size) as charge:
                charge(rows)
                return 0
        except Refusal as refusal:
            return int(refusal.facts["after"]) if refusal.code is Code.BUSY else -1


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, MAX_BODY_BYTES)), max_size=60))
def test_whatever_is_asked_no_more_is_let_in_than_the_quota_says(calls: list[tuple[float, int]]) -> None:
    rig = Rig()
    since, let_in, size_in = rig.now, 0, 0
    for pause, size in calls:
        rig.now += pause
        if rig.asks(size=size) == 0:
            let_in, size_in = let_in + 1, size_in + size
        passed = rig.now - since
        assert let_in <= SMALL.burst_calls + SMALL.calls * passed + 1e-6
        assert size_in <= SMALL.burst_bytes + SMALL.bytes * passed + 1e-6


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, MAX_ROWS)), max_size=8))
def test_no_more_rows_are_let_in_than_the_quota_says(calls: list[tuple[float, int]]) -> None:
    rig = Rig(replace(SMALL, calls=1_000.0, burst_calls=1_000.0))
    since, let_in = rig.now, 0
    for pause, rows in calls:
        rig.now += pause
        after = rig.asks(rows=rows)
        if after:
            assert rig.asks(rows=rows) == after
            rig.now += after
            assert rig.asks(rows=rows) == 0
        let_in += rows
        assert let_in <= SMALL.burst_rows + SMALL.rows * (rig.now - since) + 1e-6


@given(st.lists(st.integers(0, MAX_BODY_BYTES), min_size=9, max_size=30))
def test_who_waits_as_long_as_it_was_told_is_let_in(sizes: list[int]) -> None:
    rig = Rig()
    for size in sizes:
        after = rig.asks(size=size)
        if after:
            assert rig.asks(size=size) == after, "asking again at once neither helps nor harms"
            rig.now += after
            assert rig.asks(size=size) == 0


def test_what_one_takes_is_not_anothers(rig: Rig) -> None:
    while not rig.asks(ANN, 1_000):
        pass
    assert rig.asks(BOB, 1_000) == 0


def test_a_name_is_another_for_another_kind(rig: Rig) -> None:
    while not rig.asks(Caller(CallerKind.BANK, "alatau", b"")):
        pass
    assert rig.asks(Caller(CallerKind.CUSTOMER, "alatau", b"")) == 0


def test_whoever_signs_has_a_part() -> None:
    assert set(USUAL) == set(CallerKind) - {CallerKind.PUBLIC}


def test_newcomers_share_one_part_however_many_keys_they_make(rig: Rig) -> None:
    number = 0
    while not rig.asks(Caller(CallerKind.NEWCOMER, "", number.to_bytes(33))):
        number += 1
    assert number == SMALL.burst_calls
    assert len(rig.tallies) == 1
    assert rig.asks(ANN) == 0


def test_so_many_calls_are_under_way_at_a_time(rig: Rig) -> None:
    with ExitStack() as calls:
        for _ in range(SMALL.places):
            calls.enter_context(rig.quotas.taken(ANN, 0))
        assert rig.asks(ANN) == 1
        assert rig.asks(BOB) == 0
    assert rig.asks(ANN) == 0


def test_a_call_that_fails_gives_its_place_back(rig: Rig) -> None:
    for _ in range(SMALL.places + 1):
        with pytest.raises(RuntimeError), rig.quotas.taken(ANN, 0):
            raise RuntimeError
    assert rig.asks(ANN) == 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(rig: Rig) -> None:
    while not rig.asks():
        pass
    rig.now -= 500
    assert rig.asks() == 1
    rig.now += 1
    assert rig.asks() == 0


def test_what_has_drained_is_forgotten(rig: Rig) -> None:
    """Of thousands of callers, those are remembered that have come of late."""
    for number in range(5_000):
        rig.now += 1
        assert rig.asks(Caller(CallerKind.CUSTOMER, f"KZ{number}", b"")) == 0
    assert len(rig.tallies) <= 1_100


@pytest.mark.parametrize(
    "settings",
    [
        {"customer": {"places": 0}},
        {"customer": {"burst_bytes": MAX_BODY_BYTES - 1}},
        {"customer": {"calls": 0}},
        {"customer": {"rows": 0}},
        {"customer": {"burst_rows": MAX_ROWS - 1}},
        {"customer": {"more": 1}},
        {"nobody": {}},
    ],
)
def test_settings_that_let_nobody_in_are_none(settings: dict[str, dict[str, int]]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Quotas.of(settings, lambda: 0)


def test_settings_change_what_they_name() -> None:
    quotas = Quotas.of({"bank": {"places": 1}}, lambda: 0)
    with quotas.taken(Caller(CallerKind.BANK, "alatau", b""), 0):
        with pytest.raises(Refusal), quotas.taken(Caller(CallerKind.BANK, "alatau", b""), 0):
            pass
        with quotas.taken(ANN, 0), quotas.taken(ANN, 0):
            pass
    assert replace(USUAL[CallerKind.BANK], places=1).calls == USUAL[CallerKind.BANK].calls


@pytest.fixture
def rig() -> Rig:
    return Rig()
