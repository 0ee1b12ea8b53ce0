"""The feed's contract: each customer's numbers grow, and who reads on after one misses nothing, whoever writes."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.customers import Customer
from ledger_sync.bank.ports.feed import Feed, Listed, What
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.conftest import Backend, Lend
from wallet.protocol.certificate import WalletKind

AIGUL, BAURZHAN = "a" * 32, "b" * 32
PEOPLE = (AIGUL, BAURZHAN)


def name(number: int) -> bytes:
    return number.to_bytes(32)


def known(storage: Storage) -> Storage:
    """A storage that knows these customers."""
    for account in PEOPLE:
        storage.accounts.open(account)
        storage.customers.add(Customer(account, "A name", WalletKind.PERSON, 0), 0, 1)
    return storage


@pytest.fixture
def feed(storage: Storage) -> Feed:
    return known(storage).feed


def test_numbers_are_the_customers_own_and_begin_where_they_are_told(feed: Feed) -> None:
    assert feed.append([(AIGUL, What.TRANSFER, name(1)), (AIGUL, What.ISSUANCE, name(2))], 100) == 2
    assert feed.append([(BAURZHAN, What.TRANSFER, name(1)), (AIGUL, What.TRANSFER, name(3))], 7) == 2
    assert feed.append([(AIGUL, What.TRANSFER, name(4))], 200) == 1
    assert feed.after(BAURZHAN, 0, 9) == [Listed(8, What.TRANSFER, name(1))]
    assert feed.after(AIGUL, 0, 9) == [
        Listed(101, What.TRANSFER, name(1)),
        Listed(102, What.ISSUANCE, name(2)),
        Listed(103, What.TRANSFER, name(3)),
        Listed(201, What.TRANSFER, name(4)),
    ]
    assert [one.number for one in feed.after(AIGUL, 101, 2)] == [102, 103]


def test_numbers_are_as_far_apart_as_is_asked_for(feed: Feed) -> None:
    news = [(AIGUL, What.TRANSFER, name(number)) for number in (1, 2, 3)]
    assert feed.append(news, 100, {name(1): 7, name(2): 50, name(3): 1}.__getitem__) == 3
    assert [one.number for one in feed.after(AIGUL, 0, 9)] == [107, 157, 158]
    assert feed.append([(AIGUL, What.TRANSFER, name(4))], 100, lambda _: 9) == 1
    assert [one.number for one in feed.after(AIGUL, 158, 9)] == [167]


def test_nothing_is_listed_twice(feed: Feed) -> None:
    assert feed.append([(AIGUL, What.TRANSFER, name(1))], 1)
    again, new = (AIGUL, What.TRANSFER, name(1)), (AIGUL, What.TRANSFER, name(3))
    assert feed.append([again], 5) == 0
    assert feed.append([again, new, again, new], 1) == 1
    assert feed.append([], 1) == 0
    assert [(one.number, one.name) for one in feed.after(AIGUL, 0, 9)] == [(2, name(1)), (3, name(3))]
    assert feed.lists(AIGUL, name(1))
    assert not feed.lists(BAURZHAN, name(1))
    assert not feed.lists(AIGUL, name(2))


def test_only_numbers_that_were_given_are_known(feed: Feed) -> None:
    feed.append([(AIGUL, What.TRANSFER, name(1))], 10)
    feed.append([(BAURZHAN, What.TRANSFER, name(1))], 11)
    assert [feed.gave(AIGUL, number) for number in (0, 10, 11, 12)] == [False, False, True, False]


def test_what_is_undone_was_never_listed(storage: Storage) -> None:
    feed = known(storage).feed
    with contextlib.suppress(RuntimeError), storage.unit.transaction():
        feed.append([(AIGUL, What.TRANSFER, name(1))], 1)
        raise RuntimeError
    assert feed.after(AIGUL, 0, 9) == []
    assert feed.append([(AIGUL, What.TRANSFER, name(1))], 1)


def test_whoever_reads_on_has_seen_all_of_it_in_order(lend: Lend, some: settings) -> None:
    """Two processes list by turns, each from where its own clock told it to begin; after any of it somebody reads."""

    @some
    @given(
        st.lists(
            st.tuples(st.sampled_from(PEOPLE), st.integers(1, 9), st.integers(1, 40), st.booleans()),
            max_size=30,
        )
    )
    def two_by_turns(steps: list[tuple[str, int, int, bool]]) -> None:
        with lend() as backend:
            storages = [known(backend.open()), backend.open()]
            seen: dict[str, list[Listed]] = {account: [] for account in PEOPLE}
            listed: dict[str, list[bytes]] = {account: [] for account in PEOPLE}
            for place, (account, number, least, reads) in enumerate(steps):
                is_new = storages[place % 2].feed.append([(account, What.TRANSFER, name(number))], least)
                assert is_new == (name(number) not in listed[account])
                if is_new:
                    listed[account].append(name(number))
                if reads:
                    last = seen[account][-1].number if seen[account] else 0
                    seen[account] += storages[0].feed.after(account, last, 99)
                    assert [one.name for one in seen[account]] == listed[account]
                    assert seen[account] == storages[1].feed.after(account, 0, 99)

    two_by_turns()


def test_a_number_is_never_skipped_where_writers_overlap(backend: Backend) -> None:
    """Threads of two processes list while somebody reads on, without a break, after the last that was read."""
    processes = [known(backend.open()), backend.open()]
    reader = backend.open().feed
    each, writers = 60, 4
    is_over = threading.Event()
    seen: list[Listed] = []

    def write(number: int) -> None:
        mine = processes[number % 2]
        for place in range(each):
            with mine.unit.transaction():
                for account in PEOPLE:
                    mine.feed.append([(account, What.TRANSFER, name(number * each + place))], number % 2)

    def read() -> None:
        while True:
            last_look = is_over.is_set()
            page = reader.after(AIGUL, seen[-1].number if seen else 0, 7)
            seen.extend(page)
            if not page and last_look:
                return

    with ThreadPoolExecutor(writers + 1) as pool:
        reading = pool.submit(read)
        for future in [pool.submit(write, number) for number in range(writers)]:
            future.result()
        is_over.set()
        reading.result()
    assert sorted(one.name for one in seen) == [name(number) for number in range(each * writers)]
    assert seen == reader.after(AIGUL, 0, each * writers)
