"""Whatever a network does to two wallets, they end up agreeing, and nobody pays or is paid twice."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling import everything
from tests.session.holders import MemoryPlace, Place, WalletPlace
from tests.session.network import ACTS, Network

NUMBER = st.integers(0, 2**20)
SCHEDULES = st.lists(st.tuples(st.sampled_from(range(len(ACTS))), NUMBER, NUMBER), max_size=50)
Schedule = list[tuple[int, int, int]]


def run(place: Place, schedule: Schedule) -> Counter[str]:
    network = Network(place)
    for act, a, b in schedule:
        ACTS[act](network, a, b)
        network.check()
    network.settle()
    return network.check_agreement()


@settings(max_examples=2_000 if everything() else 150)
@given(SCHEDULES)
def test_two_purses_agree_whatever_happened(schedule: Schedule) -> None:
    run(MemoryPlace(), schedule)


def run_real(schedule: Schedule) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        place = WalletPlace(Path(folder))
        try:
            return run(place, schedule)
        finally:
            place.close()


@settings(max_examples=300 if everything() else 20)
@given(SCHEDULES)
def test_two_real_wallets_agree_whatever_happened(schedule: Schedule) -> None:
    run_real(schedule)


@pytest.mark.parametrize("real", [False, True], ids=["memory", "wallets"])
def test_long_schedules_get_somewhere(rng: Random, real: bool) -> None:
    """Uniformly drawn ones: they must end in payments of every kind, or the properties above say nothing."""
    ends: Counter[str] = Counter()
    for _ in range(8 if real else 60):
        schedule = [
            (rng.randrange(len(ACTS)), rng.randrange(2**20), rng.randrange(2**20)) for _ in range(150)
        ]
        ends += run_real(schedule) if real else run(MemoryPlace(), schedule)
    assert ends["acknowledged"] > 0
    assert real or (ends["refused"] > 0 and ends["dropped"] > 0), ends
