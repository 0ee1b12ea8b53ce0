"""The movement record's contract: the list is followed by one at a time, and what is unclaimed never goes below 0."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ledger_sync.bank.ports.movements import MovementRecord
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.conftest import Backend

CAUSE = b"cause"


def test_the_list_is_followed_from_where_it_was_left(backend: Backend) -> None:
    record = backend.open().movements
    assert record.seen() == 0
    assert record.advance(0, 7)
    assert not record.advance(0, 9)
    assert not record.advance(6, 9)
    assert record.advance(7, 9)
    assert (record.seen(), backend.open().movements.seen()) == (9, 9)


def test_what_was_booked_by_the_list_is_kept_by_kind_and_cause(storage: Storage) -> None:
    record = storage.movements
    assert record.moved("refund", CAUSE) is None
    record.keep_moved("refund", CAUSE, 30)
    record.keep_moved("lost", CAUSE, -(2**53) + 1)
    record.keep_moved("refund", CAUSE, 0)
    assert (record.moved("refund", CAUSE), record.moved("lost", CAUSE)) == (0, -(2**53) + 1)
    assert record.moved("lost", b"another") is None


def test_what_is_unclaimed_adds_up_by_kind_and_cause(storage: Storage) -> None:
    record = storage.movements
    assert record.held("funding", CAUSE) is None
    record.hold("funding", CAUSE, -30)
    record.hold("refund", CAUSE, 5)
    record.hold("funding", CAUSE, -10)
    assert (record.held("funding", CAUSE), record.held("refund", CAUSE)) == (-40, 5)
    record.hold("funding", b"another", 1)
    assert record.held_of("funding") == [b"another", CAUSE]
    assert record.known_again("funding", CAUSE)
    assert not record.known_again("funding", CAUSE)
    assert (record.held("funding", CAUSE), record.held("refund", CAUSE)) == (None, 5)
    assert record.held_of("funding") == [b"another"]


def test_no_more_is_given_than_is_held_and_nothing_is_left_at_the_end(storage: Storage) -> None:
    record = storage.movements
    assert not record.give("refund", CAUSE, 1)
    record.hold("refund", CAUSE, 50)
    assert record.give("refund", CAUSE, 30)
    assert not record.give("refund", CAUSE, 21)
    assert record.held("refund", CAUSE) == 20
    assert record.give("refund", CAUSE, 20)
    assert record.held("refund", CAUSE) is None


# two writers


def test_one_of_two_that_read_the_same_end_moves_it_on(backend: Backend) -> None:
    one, other = backend.open().movements, backend.open().movements
    seen = one.seen(), other.seen()
    assert seen == (0, 0)
    assert other.advance(0, 5)
    assert not one.advance(0, 8)
    assert one.seen() == 5


def test_writers_that_overlap_take_each_number_once_and_give_what_there_is(backend: Backend) -> None:
    """Each moves the end on from wherever it reads it, and takes 3 of 100 for each number that it got."""
    writers = backend.open().movements, backend.open().movements
    writers[0].hold("refund", CAUSE, 100)

    def follow(record: MovementRecord) -> tuple[list[int], int]:
        taken, given = [], 0
        while (seen := record.seen()) < 50:
            if record.advance(seen, seen + 1):
                taken.append(seen + 1)
                given += 3 * record.give("refund", CAUSE, 3)
        return taken, given

    with ThreadPoolExecutor(2) as pool:
        (first, gave), (second, also_gave) = pool.map(follow, writers)
    assert sorted([*first, *second]) == list(range(1, 51))
    assert (gave + also_gave, writers[0].held("refund", CAUSE)) == (99, 1)
