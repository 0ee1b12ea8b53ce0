"""The store in a file: private, refuses what a newer Qalta made and what is no purse, says what a disk refuses."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hsm.keystore import KeystoreCode, KeystoreError
from tests.support.purses import refused
from tests.support.small_disk import fill, let_be_written, small_disk
from wallet.protocol.codes import Code
from wallet.purse.store.store import SCHEMA, Store


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


@pytest.mark.parametrize("leave", [0, 8, 16, 24, 60, 120])
def test_a_full_disk_is_never_called_damage_and_leaves_no_transaction_open(
    tmp_path: Path, leave: int
) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        Store.open(disk / "purse.db").close()
        stuffing = fill(disk, leave=leave)
        refused_with: list[KeystoreCode] = []
        store = None
        try:
            store = Store.open(disk / "purse.db")
            with store.transaction():
                store.set_fact("large", bytes(200_000))
        except KeystoreError as error:
            refused_with.append(error.code)
        assert refused_with == [KeystoreCode.STORAGE_FULL]
        stuffing.unlink()
        store = store or Store.open(disk / "purse.db")
        with store.transaction():
            store.set_fact("a", 1)
        assert (store.fact("a"), store.fact("large")) == (1, None)
        store.close()


def test_a_read_only_disk_and_a_missing_folder_are_called_what_they_are(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        Store.open(disk / "purse.db").close()
        let_be_written(disk, is_so=False)
        with pytest.raises(KeystoreError) as found:
            Store.open(disk / "purse.db")
        assert found.value.code is KeystoreCode.STORAGE_READ_ONLY
    with pytest.raises(KeystoreError) as found:
        Store.open(tmp_path / "nowhere" / "purse.db")
    assert found.value.code is KeystoreCode.STORAGE_MISSING


def test_a_page_that_is_damaged_is_damage_also_when_it_is_met_later(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "purse.db")
    with store.transaction():
        store.set_fact("large", bytes(200_000))
    store.close()
    store = Store.open(tmp_path / "purse.db")
    store.value("PRAGMA shrink_memory")
    raw = bytearray((tmp_path / "purse.db").read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    (tmp_path / "purse.db").write_bytes(raw)
    with refused(Code.STORE_DAMAGED):
        store.fact("large")
    store.close()
