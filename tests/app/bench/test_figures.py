"""Medians, ratios and how they are written: arithmetic that no machine's speed changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bench.figures import Figure, Findings, Spread, Unit, milliseconds, ratios, spread, written

TIMES = st.lists(st.floats(min_value=1e-6, max_value=1e3), min_size=1, max_size=40)


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert spread([5.0, 1.0, 9.0]) == Spread(5.0, 1.0, 9.0)
    assert spread([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)


@given(TIMES)
def test_a_median_lies_between_the_least_and_the_most(values: list[float]) -> None:
    found = spread(values)
    assert found.minimum <= found.median <= found.maximum


def test_ratios_are_taken_within_each_round() -> None:
    """The second round was slow for both: that must not show."""
    assert ratios([3.0, 30.0, 4.5], [2.0, 20.0, 3.0]) == [1.5, 1.5, 1.5]


@given(TIMES)
def test_anything_against_itself_is_one(values: list[float]) -> None:
    assert ratios(values, values) == [1.0] * len(values)


def test_rounds_that_do_not_pair_are_an_error() -> None:
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


def test_seconds_become_milliseconds() -> None:
    assert milliseconds([0.0025, 1.0]) == [2.5, 1_000.0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5, Unit.TIMES, "1,50"),
        (1_234.567, Unit.MILLISECONDS, "1\N{NO-BREAK SPACE}234,57"),
        (1_672.4, Unit.PER_SECOND, "1\N{NO-BREAK SPACE}672"),
        (16, Unit.FRAMES, "16"),
    ],
)
def test_numbers_are_written_as_people_here_write_them(value: float, unit: Unit, text: str) -> None:
    assert written(value, unit) == text


def test_json_has_every_figure_by_its_key_and_an_aim_only_where_one_was_set() -> None:
    found = Findings(
        {"hops": 15},
        [
            Figure("warm_ratio", "verify_warm_ratio", Unit.TIMES, Spread(1.4, 1.3, 1.6), 1.5),
            Figure("bare_ms", "verify_bare", Unit.MILLISECONDS, Spread(2.0, 1.0, 3.0)),
        ],
    )
    assert found.as_fields() == {
        "hops": 15,
        "warm_ratio": {"median": 1.4, "min": 1.3, "max": 1.6, "aim": 1.5},
        "bare_ms": {"median": 2.0, "min": 1.0, "max": 3.0},
    }
