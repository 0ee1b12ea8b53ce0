"""What a purse's store keeps, wherever its tables lie: in a file, or in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from hsm.keystore import KeystoreCode, KeystoreError
from wallet.purse.store.memory import MemoryHome
from wallet.purse.store.store import SCHEMA, Store


class Place(Protocol):
    """Where a purse lies."""

    def open(self) -> Store: ...


class File:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "purse.db"

    def open(self) -> Store:
        return Store.open(self._path)


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return File(tmp_path) if request.param == "file" else MemoryHome()


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = place.open()
    yield opened
    opened.close()


def put(store: Store, name: str, value: int | bytes) -> None:
    with store.transaction():
        store.set_fact(name, value)


def test_a_new_one_has_the_newest_tables_and_keeps_foreign_keys(store: Store) -> None:
    assert store.value("PRAGMA user_version") == SCHEMA.version
    assert store.value("PRAGMA application_id") == SCHEMA.application_id
    assert store.value("PRAGMA foreign_keys") == 1
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.insert("returning_money", txid=b"no such transfer", payment=b"no such payment", amount=1)


def half_done(store: Store) -> None:
    with store.transaction():
        store.set_fact("a", 1)
        store.set_fact("b", 1 // 0)


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        half_done(store)
    assert store.fact("a") is None
    put(store, "a", 2)
    assert store.fact("a") == 2


def test_nothing_is_written_outside_a_transaction(store: Store) -> None:
    with pytest.raises(RuntimeError):
        store.set_fact("a", 1)
    with pytest.raises(RuntimeError):
        store.insert("fact", name="a", value=1)
    assert store.fact("a") is None


def test_a_part_belongs_to_the_transaction_that_is_open_or_else_is_one(store: Store) -> None:
    with store.within():
        store.set_fact("alone", 1)
    assert store.fact("alone") == 1
    with pytest.raises(ZeroDivisionError), store.transaction():
        half_done_within(store)
    assert store.fact("part") is None


def half_done_within(store: Store) -> None:
    with store.within():
        store.set_fact("part", 1)
    store.set_fact("rest", 1 // 0)


def test_rows_go_in_once_and_come_out_by_name_and_place(store: Store) -> None:
    with store.transaction():
        store.insert("fact", name="a", value=7)
        assert not store.insert_new("fact", name="a", value=8)
        assert store.insert_new("fact", name="b", value=b"x")
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.insert("fact", name="a", value=9)
    rows = store.rows("SELECT name, value FROM fact ORDER BY name")
    assert [(row["name"], row[1]) for row in rows] == [("a", 7), ("b", b"x")]
    row = store.row("SELECT value FROM fact WHERE name = ?", "b")
    assert row is not None
    assert row["value"] == b"x"
    assert store.value("SELECT value FROM fact WHERE name = ?", "none") is None
    with store.transaction():
        assert store.write("DELETE FROM fact WHERE name = ?", "a") == 1
        store.clear_fact("b")
    assert store.row("SELECT * FROM fact") is None


def test_what_was_committed_is_there_when_it_is_opened_again(place: Place) -> None:
    store = place.open()
    put(store, "a", 5)
    store.close()
    store.close()
    again = place.open()
    assert again.fact("a") == 5
    again.close()


def test_who_was_killed_leaves_what_was_committed_and_nothing_else(place: Place) -> None:
    killed = place.open()
    put(killed, "a", 1)
    killed._connection.execute("BEGIN IMMEDIATE")
    killed.set_fact("a", 2)
    if isinstance(place, File):
        killed._connection.close()  # as the kernel does it
    again = place.open()
    assert again.fact("a") == 1
    put(again, "a", 3)
    assert again.fact("a") == 3
    again.close()


def test_closed_it_serves_nobody(place: Place) -> None:
    store = place.open()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.fact("a")
    with pytest.raises(sqlite3.ProgrammingError), store.transaction():
        store.set_fact("a", 1)
    again = place.open()
    assert again.fact("a") is None
    again.close()


def test_another_thread_may_use_it(store: Store) -> None:
    thread = threading.Thread(target=put, args=(store, "a", 1))
    thread.start()
    thread.join()
    assert store.fact("a") == 1


def fill_up(store: Store) -> None:
    """Until it may grow no further."""
    pages = store.value("PRAGMA page_count")
    store.value(f"PRAGMA max_page_count = {pages + 1}")
    put(store, "large", bytes(1_000_000))


def test_a_full_one_says_so_and_goes_on_once_there_is_room(store: Store) -> None:
    with pytest.raises(KeystoreError) as found:
        fill_up(store)
    assert found.value.code is KeystoreCode.STORAGE_FULL
    store.value("PRAGMA max_page_count = 100000")
    put(store, "a", 1)
    assert (store.fact("a"), store.fact("large")) == (1, None)
