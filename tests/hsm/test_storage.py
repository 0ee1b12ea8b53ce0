"""What the system refuses is called what it is: by number, by SQLite's code, and on real disks."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from pathlib import Path

import pytest

from hsm.keystore import KeystoreCode
from hsm.storage import STORAGE_CODES, fault_of, is_damage
from tests.support.small_disk import fill, let_be_written, small_disk

BY_NUMBER = [
    (errno.ENOSPC, KeystoreCode.STORAGE_FULL),
    (errno.EDQUOT, KeystoreCode.STORAGE_FULL),
    (errno.EROFS, KeystoreCode.STORAGE_READ_ONLY),
    (errno.EACCES, KeystoreCode.STORAGE_FORBIDDEN),
    (errno.EPERM, KeystoreCode.STORAGE_FORBIDDEN),
    (errno.ENOENT, KeystoreCode.STORAGE_MISSING),
    (errno.ENOTDIR, KeystoreCode.STORAGE_MISSING),
    (errno.EMFILE, KeystoreCode.FILES_EXHAUSTED),
    (errno.ENFILE, KeystoreCode.FILES_EXHAUSTED),
    (errno.EIO, KeystoreCode.STORAGE_FAULT),
]


@pytest.mark.parametrize(("number", "code"), BY_NUMBER)
def test_a_number_of_the_system_has_its_code(number: int, code: KeystoreCode) -> None:
    fault = fault_of(OSError(number, os.strerror(number), "/a/file"))
    assert fault is not None
    assert (fault.code, dict(fault.facts)) == (code, {"errno": number, "file": "/a/file"})
    assert code in STORAGE_CODES


@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "no"), TimeoutError("late"), OSError("wordy")])
def test_what_is_about_no_storage_is_no_storage_fault(error: OSError) -> None:
    assert fault_of(error) is None


def sqlite_error(path: Path, *statements: str) -> sqlite3.Error:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        for statement in statements:
            connection.execute(statement)
    except sqlite3.Error as error:
        return error
    finally:
        connection.close()
    raise AssertionError("nothing was refused")


WRITING = ("PRAGMA journal_mode = WAL", "CREATE TABLE t (x)", "INSERT INTO t VALUES (zeroblob(1000000))")


def test_a_full_database_is_full(tmp_path: Path) -> None:
    error = sqlite_error(tmp_path / "x.db", "PRAGMA max_page_count = 2", *WRITING)
    fault = fault_of(error, tmp_path / "x.db")
    assert fault is not None
    assert fault.code is KeystoreCode.STORAGE_FULL
    assert not is_damage(error)


def test_a_file_that_another_holds_is_in_use(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN EXCLUSIVE")
    fault = fault_of(sqlite_error(tmp_path / "x.db", "BEGIN IMMEDIATE"), tmp_path / "x.db")
    other.close()
    assert fault is not None
    assert fault.code is KeystoreCode.IN_USE


def test_damage_is_damage_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database " * 100)
    error = sqlite_error(tmp_path / "x.db", "SELECT * FROM sqlite_schema")
    assert is_damage(error)
    assert fault_of(error, tmp_path / "x.db") is None


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as found:
        sqlite3.connect(tmp_path / "nowhere" / "x.db")
    fault = fault_of(found.value, tmp_path / "nowhere" / "x.db")
    assert fault is not None
    assert fault.code is KeystoreCode.STORAGE_MISSING


def test_a_process_without_descriptors_is_told_so(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(sqlite3.OperationalError) as found:
            sqlite3.connect(tmp_path / "x.db")
        fault = fault_of(found.value, tmp_path / "x.db")
        anywhere = fault_of(found.value)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert fault is not None
    assert fault.code is KeystoreCode.FILES_EXHAUSTED
    assert anywhere is not None
    assert anywhere.code is KeystoreCode.FILES_EXHAUSTED


@pytest.mark.parametrize("leave", [0, 8, 24])
def test_a_full_disk_is_full_whatever_sqlite_calls_it(tmp_path: Path, leave: int) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        fill(disk, leave=leave)
        fault = fault_of(sqlite_error(disk / "x.db", *WRITING), disk / "x.db")
    assert fault is not None
    assert fault.code is KeystoreCode.STORAGE_FULL


def test_a_read_only_disk_is_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2048) as disk:
        sqlite3.connect(disk / "x.db").execute("CREATE TABLE t (x)").connection.close()
        let_be_written(disk, is_so=False)
        error = sqlite_error(disk / "x.db", "INSERT INTO t VALUES (1)")
        fault = fault_of(error, disk / "x.db")
    assert fault is not None
    assert fault.code is KeystoreCode.STORAGE_READ_ONLY
