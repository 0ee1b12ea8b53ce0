"""A store's contract: whole or never there, one writer at a time, read beside; and what it is opened by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Kind, Store
from tests.ledger_sync.database.conftest import Open
from wallet.protocol.codes import Code, Refusal

MOST = 2**63 - 1


class Undone(Exception):
    """What a test's transaction fails by."""


def amount(store: Store, key: bytes = b"a") -> Any:
    return store.value("select amount from held where key = ?", (key,))


def test_a_row_is_new_once_and_comes_back_as_it_went(store: Store) -> None:
    assert store.insert("held", key=bytes(range(256)), amount=MOST)
    assert not store.insert("held", key=bytes(range(256)), amount=1)
    assert store.rows("select key, amount from held") == [(bytes(range(256)), MOST)]
    assert store.row("select amount from held where key = ?", (b"",)) is None
    assert store.value("select sum(amount) from held") == MOST
    assert type(store.value("select sum(amount) from held")) is int


def test_places_may_have_numbers_and_a_small_number_is_no_small_type(store: Store) -> None:
    store.insert("held", key=b"a", amount=2**31)
    assert store.value("select amount + ?2 - ?1 + ?1 from held where key = ?3", (1, True, b"a")) == 2**31 + 1
    assert store.value("select 2 * ? - ?", (2**31 - 1, 1)) == 2**32 - 3


def test_how_many_rows_a_change_touched(store: Store) -> None:
    store.run_each("insert into held (key, amount) values (?, ?)", [(bytes((at,)), at) for at in range(5)])
    store.run_each("insert into held (key, amount) values (?, ?)", [])
    assert store.run("update held set amount = amount + 1 where amount >= ?", (3,)) == 2
    assert store.run("delete from held where amount > ?", (9,)) == 0
    assert store.rows("update held set amount = 0 where amount = ? returning key", (5,)) == [(b"\4",)]


def test_what_is_written_is_read_beside_only_when_it_stands(store: Store, opened: Open) -> None:
    other = opened()
    with ThreadPoolExecutor(1) as thread:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            assert amount(store) == 1
            assert thread.submit(amount, store).result() is None
            assert amount(other) is None
        assert thread.submit(amount, store).result() == amount(other) == 1


def test_what_fails_was_never_there(store: Store) -> None:
    ends: list[str] = []
    store.at_end(lambda: ends.append("finished"), lambda: ends.append("forgotten"))

    def fail() -> None:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            raise Undone

    with pytest.raises(Undone):
        fail()
    assert amount(store) is None
    assert store.insert("held", key=b"a", amount=2)
    assert (amount(store), ends) == (2, ["forgotten", "finished"])


def test_a_change_that_breaks_a_rule_undoes_all(store: Store) -> None:
    def break_it() -> None:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            store.run("update held set amount = -1 where key = ?", (b"a",))

    with pytest.raises(Exception, match=r"held_amount_check|CHECK"):
        break_it()
    assert amount(store) is None
    assert store.insert("held", key=b"a", amount=1)


def test_no_two_processes_lose_what_the_other_wrote(opened: Open) -> None:
    """Each reads, and writes what it read and one more: all of it counts, since writers take turns."""
    stores, each = [opened(), opened()], 40
    stores[0].insert("held", key=b"a", amount=0)

    def count(store: Store) -> None:
        for _ in range(each):
            with store.transaction():
                store.run("update held set amount = ? where key = ?", (amount(store) + 1, b"a"))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(count, store) for store in stores * 2]:
            done.result()
    assert amount(stores[0]) == 4 * each


def test_rows_taken_in_opposite_orders_hold_nobody_up(opened: Open) -> None:
    stores, keys = [opened(), opened()], [bytes((at,)) for at in range(20)]
    new: list[int] = []

    def insert(store: Store, ordered: list[bytes]) -> None:
        with store.transaction():
            for key in ordered:
                new.append(store.insert("held", key=key, amount=1))
                store.run("update held set amount = amount + 1 where key = ?", (key,))

    with ThreadPoolExecutor(4) as threads:
        orders = [keys, keys[::-1], keys, keys[::-1]]
        for done in [
            threads.submit(insert, store, order) for store, order in zip(stores * 2, orders, strict=True)
        ]:
            done.result()
    assert (sum(new), stores[0].rows("select distinct amount from held")) == (len(keys), [(5,)])


# opening


def test_it_is_there_when_it_is_opened_again(store: Store, opened: Open) -> None:
    store.insert("held", key=b"a", amount=1)
    store.close()
    assert amount(opened()) == 1


def test_of_several_that_make_it_at_once_one_does(url: str, kind: Kind, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def opened(_: int) -> int:
        together.wait()
        store = open_store(url, kind, tmp_path)
        store.insert("held", key=b"a", amount=1)
        found = amount(store)
        store.close()
        return int(found)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(opened, range(4))) == [1] * 4


def test_a_newer_one_has_what_was_there_and_an_older_one_refuses_it(
    url: str, kind: Kind, newer: Kind, tmp_path: Path
) -> None:
    def at(version: Kind, act: Callable[[Store], Any]) -> Any:
        store = open_store(url, version, tmp_path)
        try:
            return act(store)
        finally:
            store.close()

    at(kind, lambda store: store.insert("held", key=b"a", amount=7))
    assert at(newer, lambda store: store.rows("select amount, note from held")) == [(7, None)]
    assert at(newer, lambda store: store.insert("held", key=b"b", amount=1, note="said"))
    with pytest.raises(Refusal) as refused:
        open_store(url, kind, tmp_path)
    assert refused.value.code is Code.STORE_VERSION


@pytest.mark.parametrize("wrong", ["mysql://here/x", "bank.db", "sqlite:", ""])
def test_nothing_else_is_opened(wrong: str, kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no store"):
        open_store(wrong, kind, tmp_path)
