"""The accounts' contract: what one cause books it books once, and nobody is overdrawn, by however many writers."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.accounts import Accounts, Booking
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.conftest import Backend

NAMES = ("own", "position", "a", "b")
MAY_BE_BELOW = ("own", "position")
RUNS = itertools.count()
"""Numbers for causes: all examples of a property book in one store."""


def opened(accounts: Accounts, **balances: int) -> Accounts:
    """All of `NAMES`, and what some of them have of the bank's own money."""
    for name in NAMES:
        accounts.open(name)
    for name, balance in balances.items():
        assert accounts.book(f"first money of {name}", "own", name, balance, 1, is_covered=False)
    return accounts


def test_an_account_is_opened_once_and_begins_with_nothing(storage: Storage) -> None:
    assert storage.accounts.balance("a") is None
    assert storage.accounts.open("a")
    assert not storage.accounts.open("a")
    assert storage.accounts.balance("a") == 0


def test_every_booking_says_what_it_did(storage: Storage, some: settings) -> None:
    @some
    @given(
        moves=st.lists(
            st.tuples(st.integers(0, 8), st.permutations(NAMES), st.integers(0, 1_000), st.booleans()),
            max_size=25,
        )
    )
    def beside_a_dictionary_that_books_the_same(moves: list[tuple[int, list[str], int, bool]]) -> None:
        accounts = opened(storage.accounts)
        before = {name: accounts.balance(name) or 0 for name in NAMES}
        expected = dict(before)
        booked: dict[str, tuple[str, str, int]] = {}
        fresh = next(RUNS)
        for number, (source, target, *_), amount, is_covered in moves:
            cause, must_cover = f"{fresh}:{number}", is_covered or source not in MAY_BE_BELOW
            said = accounts.book(cause, source, target, amount, 1, is_covered=must_cover)
            if cause in booked:
                assert said is Booking.KNOWN
            elif must_cover and expected[source] < amount:
                assert said is Booking.SHORT
                assert not accounts.is_booked(cause)
            else:
                assert said is Booking.BOOKED
                booked[cause] = source, target, amount
                expected[source] -= amount
                expected[target] += amount
            assert {name: accounts.balance(name) for name in NAMES} == expected
        assert sum(expected.values()) == 0
        for cause, (source, target, amount) in booked.items():
            assert (accounts.booked(cause, source), accounts.booked(cause, target)) == (-amount, amount)

    beside_a_dictionary_that_books_the_same()


@pytest.mark.parametrize(("source", "target"), [("nobody", "a"), ("a", "nobody")])
def test_who_is_not_there_is_no_part_of_a_booking(storage: Storage, source: str, target: str) -> None:
    accounts = opened(storage.accounts, a=5)
    assert accounts.book("x", source, target, 5, 1, is_covered=True) is Booking.ABSENT
    assert accounts.balance("a") == 5
    assert not accounts.is_booked("x")
    assert accounts.booked("x", "a") == 0


def book_and_fail(storage: Storage) -> None:
    with storage.unit.transaction():
        assert storage.accounts.book("x", "a", "b", 5, 1, is_covered=True) is Booking.BOOKED
        raise ZeroDivisionError


def test_what_is_undone_was_never_booked(storage: Storage) -> None:
    accounts = opened(storage.accounts, a=5)
    with pytest.raises(ZeroDivisionError):
        book_and_fail(storage)
    assert (accounts.balance("a"), accounts.is_booked("x")) == (5, False)
    assert accounts.book("x", "a", "b", 5, 1, is_covered=True) is Booking.BOOKED


# two writers


def test_who_has_read_enough_gets_nothing_once_another_has_taken_it(backend: Backend) -> None:
    one, other = backend.open(), backend.open()
    opened(one.accounts, a=100)
    assert one.accounts.balance("a") == other.accounts.balance("a") == 100
    assert other.accounts.book("theirs", "a", "b", 60, 1, is_covered=True) is Booking.BOOKED
    assert one.accounts.book("ours", "a", "b", 60, 1, is_covered=True) is Booking.SHORT
    assert one.accounts.balance("a") == other.accounts.balance("a") == 40


def test_who_has_read_that_a_cause_is_new_does_not_book_it_again(backend: Backend) -> None:
    one, other = backend.open(), backend.open()
    opened(one.accounts, a=100)
    assert not one.accounts.is_booked("x")
    assert not other.accounts.is_booked("x")
    assert other.accounts.book("x", "a", "b", 60, 1, is_covered=True) is Booking.BOOKED
    assert one.accounts.book("x", "a", "b", 40, 1, is_covered=True) is Booking.KNOWN
    assert one.accounts.booked("x", "b") == 60


def test_writers_that_overlap_book_each_cause_once_and_overdraw_nobody(backend: Backend) -> None:
    """Two processes book the same forty causes, of which the account can pay for ten, in opposite orders."""
    writers = backend.open(), backend.open()
    opened(writers[0].accounts, a=100)
    causes = [f"cause {number}" for number in range(40)]

    def book(accounts: Accounts, order: list[str]) -> list[Booking]:
        return [accounts.book(cause, "a", "b", 10, 1, is_covered=True) for cause in order]

    with ThreadPoolExecutor(2) as pool:
        said = pool.map(book, [writer.accounts for writer in writers], [causes, causes[::-1]])
        both = [booking for some in said for booking in some]
    accounts = backend.open().accounts
    assert both.count(Booking.BOOKED) == 10
    assert sum(accounts.is_booked(cause) for cause in causes) == 10
    assert {name: accounts.balance(name) for name in NAMES} == {"own": -100, "position": 0, "a": 0, "b": 100}
