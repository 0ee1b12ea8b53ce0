"""The books' contract: entries stand together, nobody covered is overdrawn, and no number is skipped."""

from __future__ import annotations

import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.central_bank.ports.books import (
    ISSUED,
    OUTSTANDING,
    REDEEMED,
    Movement,
    MovementKind,
    Order,
    position,
)
from ledger_sync.central_bank.ports.storage import Storage
from tests.ledger_sync.central_bank.backends import Backend

ALATAU, ZHIBEK = position("alatau"), position("zhibek")
MOST = 256


def issue(storage: Storage, bank: str, amount: int, cause: bytes = b"issue", time: int = 1) -> None:
    changes = {position(bank): amount, ISSUED: -amount}
    assert storage.books.book(MovementKind.ISSUE, cause, time, changes, ()) is None


def test_an_account_that_was_never_moved_has_nothing(storage: Storage) -> None:
    books = storage.books
    assert (books.balance(ALATAU), books.last_number("alatau"), books.movements("alatau", 0, MOST)) == (
        0,
        0,
        [],
    )
    assert (books.sums().issued, books.sums().positions, books.is_sound()) == (0, (), True)
    assert books.earliest_of_last(10) == (0, 0)


def test_whoever_must_cover_it_and_cannot_is_named_and_nothing_has_changed(storage: Storage) -> None:
    issue(storage, "alatau", 10)
    changes = {ALATAU: -11, ZHIBEK: 11}
    assert storage.books.book("challenge", b"x", 2, changes, [ALATAU]) == ALATAU
    assert storage.books.book("challenge", b"x", 2, changes, [ZHIBEK, ALATAU]) == ALATAU
    assert (storage.books.balance(ALATAU), storage.books.balance(ZHIBEK)) == (10, 0)
    assert storage.books.movements("zhibek", 0, MOST) == []
    assert storage.books.book("challenge", b"x", 2, changes, []) is None
    assert storage.books.sums().positions == (("alatau", -1), ("zhibek", 11))
    assert storage.books.is_moved("zhibek", "challenge", b"x")
    assert not storage.books.is_moved("zhibek", "issue", b"issue")
    assert not storage.books.is_moved("zhibek", "challenge", b"y")


def test_a_bank_reads_its_own_changes_in_order_after_a_number(storage: Storage) -> None:
    issue(storage, "alatau", 10, b"a", 5)
    issue(storage, "zhibek", 20, b"b", 6)
    assert storage.books.book("funding", b"c", 7, {ALATAU: -4, OUTSTANDING: 4}, [ALATAU]) is None
    listed = storage.books.movements("alatau", 0, MOST)
    first, second = (movement.number for movement in listed)
    assert listed == [
        Movement(first, "issue", b"a", 10, 5, total=10),
        Movement(second, "funding", b"c", -4, 7, total=-4),
    ]
    assert first < second == storage.books.last_number("alatau")
    assert storage.books.movements("alatau", first, MOST) == listed[1:]
    assert storage.books.movements("alatau", second, MOST) == []
    assert storage.books.movements("alatau", 0, 1) == listed[:1]
    assert storage.books.earliest_of_last(2) == (2, 6)


def test_movements_of_one_cause_are_summed_as_they_come_and_those_of_challenges_by_direction(
    storage: Storage,
) -> None:
    def moved(kind: str, cause: bytes, amount: int) -> None:
        assert storage.books.book(kind, cause, 1, {ALATAU: amount, ZHIBEK: -amount}, ()) is None

    for amount in (-5, 5, -7):
        moved("funding", b"c", amount)
    for amount in (-5, 3, -7, 4):
        moved("challenge", b"c", amount)
    moved("challenge", b"d", -1)
    lost = [storage.books.lost(*of) for of in (("alatau", b"c"), ("alatau", b"d"), ("zhibek", b"d"))]
    assert lost == [12, 1, 0]
    listed = storage.books.movements("alatau", 0, MOST)
    assert [movement.total for movement in listed] == [-5, 0, -7, -5, 3, -12, 7, -1]
    assert storage.books.movements("alatau", listed[5].number, MOST) == listed[6:]
    mirrored = [-movement.total for movement in storage.books.movements("zhibek", 0, MOST)]
    assert mirrored == [movement.total for movement in listed]


def test_numbers_go_on_from_what_a_bank_has_followed(storage: Storage, other: Storage) -> None:
    issue(storage, "alatau", 1)
    storage.books.number_from("alatau", 1_000)
    storage.books.number_from("alatau", 900)
    storage.books.number_from("zhibek", 77)
    for bank in ("alatau", "zhibek"):
        issue(other, bank, 1)
    assert storage.books.movements("alatau", 1_000, MOST)[0].number == 1_001
    assert storage.books.movements("zhibek", 0, MOST)[0].number == 78
    assert storage.books.is_sound()


def test_an_order_is_kept_once(storage: Storage, other: Storage) -> None:
    order = Order(MovementKind.ISSUE, bytes(16), "alatau", 10, 10)
    assert storage.books.order(MovementKind.ISSUE, bytes(16)) is None
    assert storage.books.keep_order(order)
    assert not other.books.keep_order(Order(MovementKind.ISSUE, bytes(16), "zhibek", 11, 21))
    assert other.books.order(MovementKind.ISSUE, bytes(16)) == order
    assert other.books.order(MovementKind.WITHDRAWAL, bytes(16)) is None


MOVES = st.tuples(
    st.integers(0, 1), st.permutations([ALATAU, ZHIBEK, OUTSTANDING]), st.integers(1, 50), st.booleans()
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(moves=st.lists(MOVES, max_size=20))
def test_every_booking_says_what_it_did_whoever_else_writes(
    backend: Backend, moves: list[tuple[int, list[str], int, bool]]
) -> None:
    """Beside a dictionary that books the same; and whoever follows an account by its numbers has all of it."""
    writers = backend.open(), backend.open()
    start = {name: writers[0].books.balance(name) for name in (ALATAU, ZHIBEK, OUTSTANDING, REDEEMED)}
    expected = dict(start)
    seen = {bank: writers[0].books.last_number(bank) for bank in ("alatau", "zhibek")}
    followed = dict.fromkeys(seen, 0)
    for writer, (source, target, _), amount, is_covered in moves:
        covered = [source] if is_covered else []
        short = writers[writer].books.book("x", b"cause", 1, {source: -amount, target: amount}, covered)
        assert short == (source if is_covered and expected[source] < amount else None)
        if short is None:
            expected[source] -= amount
            expected[target] += amount
        for bank in seen:
            for movement in writers[1 - writer].books.movements(bank, seen[bank], MOST):
                assert movement.number == seen[bank] + 1 or seen[bank] == 0
                seen[bank] = movement.number
                followed[bank] += movement.amount
    assert {name: writers[0].books.balance(name) for name in expected} == expected
    assert {position(bank): start[position(bank)] + sum_ for bank, sum_ in followed.items()} == {
        name: expected[name] for name in (ALATAU, ZHIBEK)
    }


def test_two_who_book_at_a_time_overdraw_nobody_and_a_follower_misses_nothing(backend: Backend) -> None:
    follower, *writers = (backend.open() for _ in range(3))
    issue(follower, "alatau", 30)
    begin, took = threading.Barrier(2), [0, 0]

    def work(number: int) -> None:
        begin.wait(10)
        for step in range(25):
            cause = f"{number} {step}".encode()
            changes = {ALATAU: -1, OUTSTANDING: 1}
            took[number] += writers[number].books.book("funding", cause, 1, changes, [ALATAU]) is None

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    seen, causes = 0, []
    while any(thread.is_alive() for thread in threads) or follower.books.movements("alatau", seen, MOST):
        for movement in follower.books.movements("alatau", seen, 3):
            causes.append(movement.id)
            seen = movement.number
    for thread in threads:
        thread.join(60)
    assert sum(took) == 30
    assert len(causes) == len(set(causes)) == 31
    assert follower.books.balance(ALATAU) == 0
    assert follower.books.is_sound()
