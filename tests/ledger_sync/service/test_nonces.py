"""Calls that come together are noted together, and each counts once all the same, on either engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import OutcomeUnknown, Store
from ledger_sync.http.call import WINDOW, SignedCall
from ledger_sync.service.nonces import KIND, Nonces
from tests.support.cut_lines import Cut, cut_line
from tests.support.postgres import Cluster
from wallet.protocol.codes import Code, Refusal

NOW = 1_800_000_000
SENDER = b"\2" + bytes(32)


def call(nonce: int, time: int = NOW) -> SignedCall:
    return SignedCall("GET", "here/v1/time", bytes(32), time, nonce.to_bytes(16), SENDER)


Open = Callable[[], Store]
"""The store once more, as another process has it."""


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:
        url = "sqlite:nonces.db"
        if request.param == "postgres":
            url = stack.enter_context(lent(request.getfixturevalue("postgres")))

        def once_more() -> Store:
            store = open_store(url, KIND, tmp_path)
            stack.callback(store.close)
            return store

        yield once_more


def lent(cluster: Cluster) -> AbstractContextManager[str]:
    return cluster.lent(KIND.name, lambda made: open_store(made, KIND, Path()).close())


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


def is_new(nonces: Nonces, number: int) -> bool:
    try:
        nonces.remember(call(number), NOW)
    except Refusal as refusal:
        return refusal.code is not Code.AUTH_REPLAYED
    return True


def test_calls_that_wait_for_one_writer_are_noted_at_once_and_the_same_twice_counts_once(
    store: Store,
) -> None:
    nonces = Nonces(store)
    ended: list[None] = []
    store.at_end(lambda: ended.append(None), lambda: None)
    refused: list[tuple[int, Code]] = []
    numbers = [1, 2, 2, 3, 2]

    def remember(number: int) -> None:
        try:
            nonces.remember(call(number), NOW)
        except Refusal as refusal:
            refused.append((number, refusal.code))

    threads = [threading.Thread(target=remember, args=(number,)) for number in (0, *numbers)]
    with store.transaction():
        for place, thread in enumerate(threads):
            thread.start()
            # The first begins a batch and waits for the writer; the others queue behind it.
            while not nonces._batches._turn.locked() or nonces._batches._orders.qsize() != place:
                assert thread.is_alive()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert refused == [(2, Code.AUTH_REPLAYED)] * 2
    assert len(ended) == 3, "the writer's, the first one's, and that of all who came meanwhile"
    assert len(store.rows("select nonce from nonces")) == 4


def test_what_no_call_of_its_time_could_be_taken_for_fresh_is_swept(store: Store) -> None:
    nonces = Nonces(store)
    nonces.remember(call(0), NOW)
    for number in range(1, 257):
        nonces.remember(call(number, NOW + WINDOW + 1), NOW + WINDOW + 1)
    assert store.rows("select time from nonces where time < ?", (NOW + 1,)) == []
    with pytest.raises(Refusal) as caught:
        nonces.remember(call(1, NOW + WINDOW + 1), NOW + WINDOW + 1)
    assert caught.value.code is Code.AUTH_REPLAYED


def test_whichever_process_is_asked_a_call_counts_once_also_after_a_restart(opened: Open) -> None:
    """The same calls come to two processes at once, in opposite orders."""
    both = [Nonces(opened()), Nonces(opened())]
    numbers = [range(40), range(39, -1, -1)]

    def all_of(place: int) -> list[int]:
        return [number for number in numbers[place] if is_new(both[place], number)]

    with ThreadPoolExecutor(2) as threads:
        taken = list(threads.map(all_of, range(2)))
    assert sorted(taken[0] + taken[1]) == list(range(40))
    again = Nonces(opened())
    assert [number for number in range(41) if is_new(again, number)] == [40]


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_call_that_may_have_been_noted_counts_no_second_time(
    cut: Cut, postgres: Cluster, tmp_path: Path
) -> None:
    """A caller whose call was answered by BUSY signs a new one; this one is answered once at most."""
    with lent(postgres) as url, cut_line(url, tmp_path) as line:
        store = open_store(line.url, KIND, tmp_path)
        nonces = Nonces(store)
        line.armed = cut
        with pytest.raises(OutcomeUnknown):
            nonces.remember(call(1), NOW)
        assert [is_new(nonces, 1), is_new(nonces, 1)] == [cut == "before", False]
        store.close()


def test_however_many_are_noted_together_it_is_one_statement(opened: Open) -> None:
    store = opened()
    nonces = Nonces(store)
    nonces.remember(call(0), NOW)
    asked: list[str] = []
    rows = store.rows
    store.rows = lambda sql, values=(): (asked.append(sql), rows(sql, values))[1]  # type: ignore[method-assign]
    came = [(call(number % 60), NOW) for number in range(1, 63)]
    assert nonces._remember(came) == [*[True] * 59, False, False, False]
    assert len(asked) == 1
