"""A service's clock: days away from its last word it says nothing, until a peer or the operator says the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger_sync.sandbox.clocks import LOG, confirm_clock
from ledger_sync.service.steady import FILE, HOUR, SteadyClock, read_word, write_word
from tests.support.deals import refusal_of
from tests.support.world import DAY, NOW
from wallet.protocol.bounds import FAR_AHEAD
from wallet.protocol.codes import Code

JUMPS = [FAR_AHEAD + 1, 400 * DAY, -FAR_AHEAD - 1, -400 * DAY]


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def clock(tmp_path: Path, hand: Hand) -> SteadyClock:
    steady = SteadyClock(tmp_path, hand)
    assert steady() == NOW
    return steady


def unsure(clock: Callable[[], int]) -> bool:
    return refusal_of(clock) is Code.CLOCK_UNSURE


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_has_jumped_is_not_believed_and_is_again_once_it_is_right(
    clock: SteadyClock, hand: Hand, jump: int
) -> None:
    hand.now += jump
    assert unsure(clock)
    clock.hear(NOW)
    assert unsure(clock), "the peers' clocks differ"
    hand.now -= jump
    assert clock() == NOW


@pytest.mark.parametrize("jump", [FAR_AHEAD, 5 * HOUR, -5 * HOUR, -FAR_AHEAD])
def test_what_may_pass_while_a_service_is_off_needs_nobodys_word(
    clock: SteadyClock, hand: Hand, jump: int
) -> None:
    hand.now += jump
    assert clock() == NOW + jump


@pytest.mark.parametrize("away", [0, HOUR, -HOUR])
def test_a_peer_whose_clock_is_within_an_hour_is_enough(clock: SteadyClock, hand: Hand, away: int) -> None:
    hand.now += 30 * DAY
    assert unsure(clock)
    clock.hear(hand.now + away)
    assert clock() == hand.now


def test_a_peer_whose_clock_is_further_away_is_not(clock: SteadyClock, hand: Hand) -> None:
    hand.now += 30 * DAY
    clock.hear(hand.now + HOUR + 1)
    assert unsure(clock)


def test_the_last_word_outlives_the_process(tmp_path: Path, clock: SteadyClock, hand: Hand) -> None:
    hand.now += 2 * HOUR
    clock()
    hand.now += 30 * DAY
    assert unsure(SteadyClock(tmp_path, hand))
    assert read_word(tmp_path) == NOW + 2 * HOUR


def test_the_operators_word_is_heard_without_a_restart(
    tmp_path: Path, clock: SteadyClock, hand: Hand
) -> None:
    hand.now += 30 * DAY
    assert unsure(clock)
    assert confirm_clock(tmp_path, hand.now)
    assert clock() == hand.now
    assert not confirm_clock(tmp_path, hand.now), "once is enough"
    said = (tmp_path / LOG).read_text()
    assert said.count("\n") == 1
    assert "operator" in said


def test_an_operator_whose_own_clock_is_right_confirms_no_wrong_one(
    tmp_path: Path, clock: SteadyClock, hand: Hand
) -> None:
    hand.now += 400 * DAY
    assert not confirm_clock(tmp_path, NOW)
    write_word(tmp_path, NOW + DAY)
    assert unsure(clock)


def test_a_damaged_word_is_none(tmp_path: Path, hand: Hand) -> None:
    (tmp_path / FILE).write_bytes(b"\xff")
    assert SteadyClock(tmp_path, hand)() == NOW
    assert read_word(tmp_path) == NOW


def test_what_one_process_of_a_service_has_heard_counts_for_the_others(
    tmp_path: Path, clock: SteadyClock, hand: Hand
) -> None:
    other = SteadyClock(tmp_path, hand)
    hand.now += 400 * DAY
    assert unsure(clock)
    assert unsure(other)
    other.hear(hand.now)
    assert other() == clock() == hand.now


def test_of_several_that_write_the_word_at_once_none_leaves_half_of_it(tmp_path: Path) -> None:
    words = [NOW + number for number in range(40)]
    write_word(tmp_path, NOW)
    with ThreadPoolExecutor(4) as pool:
        written = [pool.submit(write_word, tmp_path, word) for word in words]
        while not all(one.done() for one in written):
            assert read_word(tmp_path) in words
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
