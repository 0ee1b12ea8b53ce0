"""Amounts, numbers and times as people write them, and amounts as people type them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.catalogue.written import LAST_TIME, read_amount, written_amount, written_number, written_time
from wallet.protocol.bounds import MAX_SUM, MAX_TIME

amounts = st.integers(0, MAX_SUM)


@given(amounts)
@example(0)
@example(1)
@example(MAX_SUM)
def test_what_is_written_reads_back_as_the_same_amount(tiyn: int) -> None:
    assert read_amount(written_amount(tiyn)) == tiyn


@given(amounts)
def test_an_amount_may_be_typed_plainly(tiyn: int) -> None:
    tenge, rest = divmod(tiyn, 100)
    for mark in ",.":
        assert read_amount(f"{tenge}{mark}{rest:02}") == tiyn
        assert read_amount(f" {tenge}{mark}{rest:02} ₸ ") == tiyn


@given(amounts)
def test_plain_spaces_do_as_well_as_the_ones_that_do_not_break(tiyn: int) -> None:
    for space in (" ", "\N{NARROW NO-BREAK SPACE}", "\N{THIN SPACE}"):
        assert read_amount(written_amount(tiyn).replace("\N{NO-BREAK SPACE}", space)) == tiyn


@pytest.mark.parametrize(
    ("tiyn", "written"),
    [
        (0, "0 ₸"),
        (1, "0,01 ₸"),
        (50, "0,50 ₸"),
        (100, "1 ₸"),
        (1_250_050, "12 500,50 ₸"),
        (100_000_000, "1 000 000 ₸"),
        (-1_250_050, "−12 500,50 ₸"),
    ],
)
def test_an_amount_is_written_with_groups_of_three_and_a_comma(tiyn: int, written: str) -> None:
    assert written_amount(tiyn) == written.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("typed", "tiyn"),
    [
        ("1500", 150_000),
        ("12500,5", 1_250_050),
        ("12 500.50", 1_250_050),
        ("0,01", 1),
        ("007", 700),
        ("5₸", 500),
    ],
)
def test_an_amount_may_be_typed_in_several_ways(typed: str, tiyn: int) -> None:
    assert read_amount(typed) == tiyn


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        " ",
        "₸",
        "abc",
        "-5",
        "−5",
        "+5",
        "1e3",
        "0x10",
        "1,234",
        "1.234,50",
        "1,",
        ",5",
        "1,,5",
        "1 2",
        "12 50",
        "1 0000",
        "1234 567",
        "5 ₸ 5",
        "₸5",
        "5 5 5",
        "1\t000",
        "٣",
        "½",
        "12_500",
        "9" * 15,
    ],
)
def test_nonsense_is_no_amount(nonsense: str) -> None:
    assert read_amount(nonsense) is None


@given(st.text(max_size=24))
def test_reading_never_fails(typed: str) -> None:
    tiyn = read_amount(typed)
    assert tiyn is None or tiyn >= 0


@given(st.integers(-(10**18), 10**18))
def test_a_number_is_in_groups_of_three(number: int) -> None:
    groups = written_number(number).removeprefix("-").split("\N{NO-BREAK SPACE}")
    assert int("".join(groups)) == abs(number)
    assert 1 <= len(groups[0]) <= 3
    assert all(len(group) == 3 for group in groups[1:])


@pytest.fixture
def _almaty() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC-5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_almaty")
def test_a_time_is_day_and_hour_where_the_device_is() -> None:
    assert written_time(1_790_000_000) == "21.09.2026 19:13"


def test_the_last_time_is_that_of_the_protocol() -> None:
    assert LAST_TIME == MAX_TIME
