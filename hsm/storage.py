"""What the system's refusals about files mean: one list for keystores, purses, services and whoever shows them.

Rule: a fault is called what the system or SQLite called it. Where SQLite only says that something failed (it has one
code for many causes), the system is asked the same again, with a file that leaves no trace. Damage is no storage
fault: it needs proof of its own, and whoever can prove it says so.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError

STORAGE_CODES: Final = frozenset(
    {
        KeystoreCode.STORAGE_FULL,
        KeystoreCode.STORAGE_READ_ONLY,
        KeystoreCode.STORAGE_FORBIDDEN,
        KeystoreCode.STORAGE_MISSING,
        KeystoreCode.FILES_EXHAUSTED,
        KeystoreCode.STORAGE_FAULT,
    }
)
_PROBE_BYTES: Final = 65_536
"""What is written to ask whether there is room: twice what SQLite maps for its write-ahead log."""

_BY_ERRNO: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), KeystoreCode.STORAGE_FULL),
    errno.EROFS: KeystoreCode.STORAGE_READ_ONLY,
    **dict.fromkeys((errno.EACCES, errno.EPERM), KeystoreCode.STORAGE_FORBIDDEN),
    **dict.fromkeys(
        (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ESTALE), KeystoreCode.STORAGE_MISSING
    ),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), KeystoreCode.FILES_EXHAUSTED),
}
_BY_SQLITE: Final = {
    sqlite3.SQLITE_FULL: KeystoreCode.STORAGE_FULL,
    **dict.fromkeys(
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL), KeystoreCode.IN_USE
    ),
}
_AMBIGUOUS: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
)
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_OTHER_MATTERS: Final = (
    ConnectionError,
    TimeoutError,
    ChildProcessError,
    ProcessLookupError,
    InterruptedError,
)


def fault_of(error: OSError | sqlite3.Error, where: Path | None = None) -> KeystoreError | None:
    """The refusal that ``error`` means, or None where it is about no storage, or proves damage.

    ``where``: the file that it is about, if ``error`` does not name it itself. Facts: ``file``, and ``errno`` or
    ``sqlite``.
    """
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error, where)
    if isinstance(error, _OTHER_MATTERS) or (error.errno or 0) <= 0 or error.errno == errno.EBADMSG:
        return None
    return _of_system(error, where)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is damaged, or no database at all."""
    return _primary(error) in _DAMAGE


def _of_system(error: OSError, where: Path | None) -> KeystoreError:
    number = error.errno or 0
    code = _BY_ERRNO.get(number, KeystoreCode.STORAGE_FAULT)
    named = error.filename
    if isinstance(named, str | bytes | os.PathLike):
        return KeystoreError(code, {"errno": number, "file": os.fsdecode(named)})
    if where is not None:
        return KeystoreError(code, {"errno": number, "file": str(where)})
    return KeystoreError(code, {"errno": number})


def _of_sqlite(error: sqlite3.Error, where: Path | None) -> KeystoreError | None:
    code = _primary(error)
    if code in _BY_SQLITE:
        meant = _BY_SQLITE[code]
    elif code in _AMBIGUOUS:
        said = ask_system(where)
        meant = said.code if said is not None else KeystoreCode.STORAGE_FAULT
    else:
        return None
    if where is not None:
        return KeystoreError(meant, {"sqlite": error.sqlite_errorname, "file": str(where)})
    return KeystoreError(meant, {"sqlite": error.sqlite_errorname})


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def ask_system(where: Path | None) -> KeystoreError | None:
    """What the system refuses when something is written beside ``where`` and ``where`` is opened; None if nothing."""
    folder = where.parent if where is not None else Path(os.sep)
    try:
        if where is None:
            os.close(os.open(folder, os.O_RDONLY))
            return None
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(bytes(_PROBE_BYTES))
            os.fsync(probe.fileno())
        os.close(os.open(where, os.O_RDWR))
    except OSError as error:
        return _of_system(error, where)
    return None
