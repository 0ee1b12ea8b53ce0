"""The unit of work's contract: whole or never there, one writer at a time, also among several processes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.conftest import Backend


class Undone(Exception):
    """What a test's transaction fails by."""


def test_only_the_thread_that_is_inside_is_inside(storage: Storage) -> None:
    unit = storage.unit
    assert not unit.in_transaction
    with unit.transaction(), ThreadPoolExecutor(1) as another:
        assert unit.in_transaction
        assert not another.submit(lambda: unit.in_transaction).result()
    assert not unit.in_transaction


def test_one_inside_another_is_a_part_of_it(storage: Storage) -> None:
    ends: list[str] = []
    storage.unit.at_end(lambda: ends.append("finished"), lambda: ends.append("forgotten"))
    with storage.unit.transaction():
        with storage.unit.transaction():
            pass
        assert storage.unit.in_transaction
        assert ends == []
    assert ends == ["finished"]


def test_what_fails_is_forgotten_and_the_next_one_begins_anew(storage: Storage) -> None:
    ends: list[str] = []
    storage.unit.at_end(lambda: ends.append("finished"), lambda: ends.append("forgotten"))
    with pytest.raises(Undone), storage.unit.transaction(), storage.unit.transaction():
        raise Undone
    assert not storage.unit.in_transaction
    with storage.unit.transaction():
        assert storage.unit.in_transaction
    assert ends == ["forgotten", "finished"]


def test_an_end_that_fails_undoes_all(storage: Storage) -> None:
    ends: list[str] = []

    def fail() -> None:
        raise Undone

    storage.unit.at_end(lambda: ends.append("finished"), lambda: ends.append("forgotten"))
    storage.unit.at_end(fail, lambda: ends.append("forgotten too"))
    with pytest.raises(Undone), storage.unit.transaction():
        pass
    assert ends == ["finished", "forgotten", "forgotten too"]


@pytest.mark.parametrize("count", [1, 2], ids=["one process", "two processes"])
def test_writers_take_turns(backend: Backend, count: int) -> None:
    """Threads of one process and processes alike: the second begins when the first has ended."""
    opened = [backend.open() for _ in range(count)]
    first, second = opened[0].unit, opened[-1].unit
    order: list[str] = []
    knocked = threading.Event()

    def come() -> None:
        knocked.set()
        with second.transaction():
            order.append("second")

    with ThreadPoolExecutor(1) as another:
        with first.transaction():
            coming = another.submit(come)
            knocked.wait()
            order.append("first")
        coming.result()
    assert order == ["first", "second"]
