"""What queues is done together, what fails together is done one by one, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from ledger_sync.database.store import OutcomeUnknown, Unavailable
from ledger_sync.service.batches import MAX_WAITING, Batches
from wallet.protocol.codes import Code, Refusal


class Slow:
    """Holds its first batch until it is let go, and notes what was done together."""

    def __init__(self, fails: Callable[[Sequence[int]], BaseException | None] = lambda _pieces: None) -> None:
        self.let_go = threading.Event()
        self.begun = threading.Event()
        self.done: list[list[int]] = []
        self._fails = fails

    def do(self, pieces: Sequence[int]) -> list[int]:
        """What each comes to is twice what it is."""
        self.begun.set()
        assert self.let_go.wait(10)
        failure = self._fails(pieces)
        if failure is not None:
            raise failure
        self.done.append(list(pieces))
        return [2 * piece for piece in pieces]


class Callers:
    """Threads, each with a piece, and what each heard."""

    def __init__(self, batches: Batches[int, int]) -> None:
        self._batches = batches
        self._threads: list[threading.Thread] = []
        self.heard: dict[int, BaseException | int] = {}

    def start(self, piece: int) -> None:
        def run() -> None:
            try:
                self.heard[piece] = self._batches.do(piece)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the test looks at it
                self.heard[piece] = error

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def queue(self, pieces: Sequence[int]) -> None:
        """Start them one after another, each waiting behind the last."""
        for place, piece in enumerate(pieces, 1):
            self.start(piece)
            while self._batches._orders.qsize() < place:
                pass

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def one_each(_piece: int) -> int:
    return 1


def test_what_queues_while_a_batch_is_done_is_one_batch_and_a_full_queue_is_busy() -> None:
    work = Slow()
    batches = Batches(work.do, weight=one_each, most=1_000)
    callers = Callers(batches)
    callers.start(0)
    assert work.begun.wait(10)
    callers.queue(range(1, MAX_WAITING + 1))
    with pytest.raises(Refusal) as caught:
        batches.do(-1)
    assert (caught.value.code, caught.value.facts) == (Code.BUSY, {"after": 1})
    assert batches.waiting == MAX_WAITING
    work.let_go.set()
    callers.join()
    assert batches.waiting == 0
    assert work.done == [[0], list(range(1, MAX_WAITING + 1))]
    assert callers.heard == {piece: 2 * piece for piece in range(MAX_WAITING + 1)}


def test_a_batch_of_so_much_weight_takes_no_more() -> None:
    work = Slow()
    batches = Batches(work.do, weight=lambda piece: piece, most=10)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    callers.queue([4, 5, 6, 11, 3])
    work.let_go.set()
    callers.join()
    assert work.done == [[1], [4, 5, 6], [11], [3]]


def test_of_what_fails_together_each_hears_of_its_own_alone() -> None:
    def fails(pieces: Sequence[int]) -> BaseException | None:
        return Refusal(Code.MALFORMED, {"count": len(pieces)}) if 3 in pieces else None

    work = Slow(fails)
    batches = Batches(work.do, weight=one_each, most=1_000)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    callers.queue([2, 3, 4])
    work.let_go.set()
    callers.join()
    assert work.done == [[1], [2], [4]]
    refused = callers.heard.pop(3)
    assert isinstance(refused, Refusal)
    assert refused.facts == {"count": 1}
    assert callers.heard == {1: 2, 2: 4, 4: 8}


def test_a_store_that_is_away_is_tried_for_one_more_and_not_for_each() -> None:
    tried: list[list[int]] = []

    def fails(pieces: Sequence[int]) -> BaseException | None:
        tried.append(list(pieces))
        return None if pieces in ([1], [6]) else Unavailable("away")

    work = Slow(fails)
    batches = Batches(work.do, weight=one_each, most=1_000)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    callers.queue([2, 3, 4, 5])
    work.let_go.set()
    callers.join()
    assert tried == [[1], [2, 3, 4, 5], [2]]
    assert all(isinstance(callers.heard[piece], Unavailable) for piece in (2, 3, 4, 5))
    assert batches.do(6) == 12


def test_what_is_not_known_of_a_batch_is_found_out_for_each() -> None:
    def fails(pieces: Sequence[int]) -> BaseException | None:
        return OutcomeUnknown("cut") if len(pieces) > 1 or pieces == [2] else None

    work = Slow(fails)
    batches = Batches(work.do, weight=one_each, most=1_000)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    callers.queue([2, 3, 4])
    work.let_go.set()
    callers.join()
    assert isinstance(callers.heard.pop(2), OutcomeUnknown)
    assert callers.heard == {1: 2, 3: 6, 4: 8}


def test_a_batch_that_dies_leaves_nobody_waiting_and_the_next_one_is_done() -> None:
    ends: list[BaseException | None] = [None, KeyboardInterrupt(), None]
    work = Slow(lambda _pieces: ends.pop(0))
    batches = Batches(work.do, weight=one_each, most=1_000)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    callers.queue([2, 3])
    work.let_go.set()
    callers.join()
    heard = [callers.heard[piece] for piece in (2, 3)]
    assert sorted(type(error).__name__ for error in heard) == ["KeyboardInterrupt", "Refusal"]
    batches.do(4)
    assert work.done == [[1], [4]]


def test_what_gave_up_while_it_queued_is_never_done() -> None:
    work = Slow()
    batches = Batches(work.do, weight=one_each, most=1_000, wait_seconds=0)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    with pytest.raises(Refusal) as caught:
        batches.do(2)
    assert caught.value.code is Code.BUSY
    work.let_go.set()
    callers.join()
    batches.do(3)
    assert work.done == [[1], [3]]


def test_what_has_queued_is_done_before_it_closes() -> None:
    work = Slow()
    batches = Batches(work.do, weight=one_each, most=1)
    callers = Callers(batches)
    callers.start(1)
    assert work.begun.wait(10)
    callers.queue([2, 3])
    closing = threading.Thread(target=batches.close)
    closing.start()
    work.let_go.set()
    closing.join(10)
    assert not closing.is_alive()
    callers.join()
    assert sorted(work.done) == [[1], [2], [3]]
