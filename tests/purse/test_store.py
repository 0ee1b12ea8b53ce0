"""The store: private, all or nothing, refuses what a newer Qalta made and what is no purse."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.purse.test_paying import refused
from wallet.protocol.codes import Code
from wallet.purse.store import SCHEMA, Store


def test_is_private_durable_and_strict(tmp_path: Path) -> None:
    path = tmp_path / "purse.db"
    store = Store.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (store.value("PRAGMA journal_mode"), store.value("PRAGMA synchronous")) == ("wal", 2)
    assert store.value("PRAGMA foreign_keys") == 1
    assert store.value("PRAGMA user_version") == SCHEMA.version
    store.close()


def test_refuses_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "purse.db"
    Store.open(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    with refused(Code.STORE_VERSION):
        Store.open(path)


@pytest.mark.parametrize("content", [b"this is no database at all" * 40, b"SQLite format 3\0" + b"\0" * 500])
def test_refuses_what_is_no_store(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "purse.db"
    path.write_bytes(content)
    with refused(Code.STORE_DAMAGED):
        Store.open(path)
    assert path.read_bytes() == content


def test_refuses_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "purse.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    with refused(Code.STORE_DAMAGED):
        Store.open(path)


def half_done(store: Store) -> None:
    with store.transaction():
        store.set_fact("a", 1)
        store.set_fact("b", 1 // 0)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "purse.db")
    with pytest.raises(ZeroDivisionError):
        half_done(store)
    assert store.fact("a") is None
    with pytest.raises(RuntimeError):
        store.set_fact("a", 1)
    store.close()
