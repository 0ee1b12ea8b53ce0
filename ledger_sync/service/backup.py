"""A copy of a service that runs, and a home folder out of it.

Rule: each store is copied as of one moment, by its engine's own means (SQLite's backup, pg_dump), while the service
goes on; the stores first and the keystore last, so that no key is missing that a store speaks of. The PIN is in no
copy: who finds a copy has no key. A copy says last what it is made of, with the sum of every file, and what is not
whole is not put back. What the service did after the copy was made it hears from the others when it starts (SPEC 9.10);
that it was made of a copy is written in its folder until it has minded that.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Final

from hsm.durable import remove, sync
from hsm.failpoint import reach
from ledger_sync.service.keys import KEYSTORE
from ledger_sync.service.settings import CONFIG, read_json, sound
from ledger_sync.service.steady import FILE as CLOCK
from wallet.database import copy_whole

MANIFEST: Final = "backup.json"
DUMP: Final = "database.dump"
RESTORED: Final = "restored"
"""A file in a home folder that was made of a copy, until its service has minded that."""
_FORMAT: Final = 1
_PART: Final = ".part"
BEGUN: Final = "restoring"
"""In a home folder that is being made: of which copy, and into which database; there once all else is."""
_HELD: Final = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
"""
_TRIES: Final = 16
"""Of copying a file that is written meanwhile."""
_PAGES: Final = 1_024
"""Of a store in one step of its copy; between two of them its service writes."""


class Fault(StrEnum):
    """Why a copy is not made, or not put back."""

    NO_SERVICE = "no_service"
    """There is no service's home folder."""
    OCCUPIED = "occupied"
    """There is something where the copy, or the home folder, is to be."""
    NOT_WHOLE = "not_whole"
    """It is no copy, a file of it is missing or another, or a store in it is damaged."""
    NEEDS_DATABASE = "needs_database"
    """It holds a server's database, and no place for that was named; or the other way round."""
    NO_STORE = "no_store"
    """The service's folder holds no store, and no database was named in which they are."""
    PROGRAM = "program"
    """pg_dump, pg_restore or psql is not there, or failed."""
    DATABASE_OCCUPIED = "database_occupied"
    """Something is in the database that is to be filled, and this copy has not brought it."""


class BackupError(Exception):
    """Nothing was made, and what was begun is away again, or the same again goes on with it. ``what``: a file, a
    program or a database."""

    def __init__(self, fault: Fault, what: str) -> None:
        super().__init__(f"{fault.value}: {what}")
        self.fault = fault
        self.what = what


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: its files with their bytes' SHA-256 (hexadecimal), when it was made (unix seconds), and
    whether a server's database is among them."""

    files: Mapping[str, str]
    time: int
    has_dump: bool


def back_up(home: Path, to: Path, now: int, *, database: str | None = None) -> Copied:
    """Copy the service of the folder ``home``, running or not, to the folder ``to``, which is made.

    ``database``: its store's URL, where that does not stand in its settings file. `BackupError`, ``OSError``,
    ``sqlite3.Error``.
    """
    home, to = home.absolute(), to.absolute()
    if not (home / KEYSTORE).is_dir():
        raise BackupError(Fault.NO_SERVICE, str(home))
    if to.exists():
        raise BackupError(Fault.OCCUPIED, str(to))
    part = _fresh(to)
    try:
        url = database or _database_of(home)
        stores = sorted(home.glob("*.db"))
        if not stores and not _is_server(url):
            raise BackupError(Fault.NO_STORE, str(home))
        for store in stores:
            _copy_store(store, part / store.name)
        if _is_server(url):
            _run("pg_dump", "--format=custom", "--no-owner", f"--file={part / DUMP}", f"--dbname={url}")
        reach("backup.stores")
        for path in _others(home):
            _copy_file(path, part / path.relative_to(home))
        copied = Copied(_sums(part), now, _is_server(url))
        _write_manifest(part / MANIFEST, copied)
        reach("backup.manifest")
        part.rename(to)
        sync(to.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return copied


def restore(copy: Path, home: Path, *, database: str | None = None) -> Copied:
    """Make the home folder ``home`` out of a copy; the PIN has to be put there besides.

    ``database``: the URL of an empty database, for a copy that holds one. What there is is never written over. After an
    end in between the same again goes on, also where the database was filled by then. `BackupError`, ``OSError``,
    ``sqlite3.Error``.
    """
    copy, home = copy.absolute(), home.absolute()
    copied = check(copy)
    if home.exists() and any(home.iterdir()):
        raise BackupError(Fault.OCCUPIED, str(home))
    if copied.has_dump != (database is not None):
        raise BackupError(Fault.NEEDS_DATABASE, DUMP)
    part = _part(home)
    begun = f"{_sum(copy / MANIFEST)} {database}\n".encode()
    if not _says(part / BEGUN, begun):
        _fresh(home)
        try:
            if database is not None and not _is_empty(database):
                raise BackupError(Fault.DATABASE_OCCUPIED, database)
            for name in copied.files:
                if name != DUMP:
                    _copy_file(copy / name, part / name)
            _write(part / RESTORED, f"{copied.time}\n".encode())
            _write(part / BEGUN, begun)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    if database is not None:
        reach("restore.begun")
        _fill(database, copy / DUMP)
    reach("restore.files")
    if home.exists():
        home.rmdir()
    part.rename(home)
    sync(home.parent)
    (home / BEGUN).unlink()
    return copied


def _fill(database: str, dump: Path) -> None:
    """All of the dump or nothing, by one transaction: so an own database that holds anything, holds all of it."""
    if _is_empty(database):
        _run(
            "pg_restore",
            "--single-transaction",
            "--exit-on-error",
            "--no-owner",
            f"--dbname={database}",
            str(dump),
        )


def _is_empty(database: str) -> bool:
    return _run("psql", "-XAtq", f"--dbname={database}", f"--command={_HELD}").strip() == b"0"


def _says(path: Path, said: bytes) -> bool:
    return path.exists() and path.read_bytes() == said


def mind_restored(home: Path, mind: Callable[[], None]) -> None:
    """Have it minded, once, that ``home`` was made of a copy: what ``mind`` does is done again after an end in between.
    ``OSError``."""
    mark = home / RESTORED
    if mark.exists():
        mind()
        reach("restored.minded")
        remove(mark)


def check(copy: Path) -> Copied:
    """What a copy holds, after every file of it was read and every store of it looked through. `BackupError`."""
    copied = _read_manifest(copy)
    if _sums(copy) != copied.files:
        raise BackupError(Fault.NOT_WHOLE, str(copy))
    for name in copied.files:
        if name.endswith(".db"):
            _check_store(copy / name)
    return copied


def _database_of(home: Path) -> str:
    path = home / CONFIG
    return str(read_json(path).get("database", "")) if path.exists() else ""


def _is_server(url: str) -> bool:
    return url.startswith(("postgresql:", "postgres:"))


def _part(target: Path) -> Path:
    return target.with_name(target.name + _PART)


def _fresh(target: Path) -> Path:
    """An empty folder beside, whose owner alone may look into it; what one that was cut off left is removed."""
    part = _part(target)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    return part


def _others(home: Path) -> Iterator[Path]:
    """What is copied beside the stores: settings, the last word on the time, and then the keystore."""
    yield from (path for name in (CONFIG, CLOCK) if (path := home / name).exists())
    for path in sorted((home / KEYSTORE).rglob("*")):
        if path.is_file() and path.suffix not in (".lock", _PART):
            yield path


def _copy_store(source: Path, target: Path) -> None:
    copy_whole(source, target, _PAGES, lambda: reach("backup.pages"))
    target.chmod(0o600)
    sync(target)


def _copy_file(source: Path, target: Path) -> None:
    """Whole: once more, where it was written meanwhile. Folders have their owner alone for a reader."""
    for folder in reversed(target.parents):
        folder.mkdir(exist_ok=True, mode=0o700)
    for _ in range(_TRIES):
        before = source.stat()
        content = source.read_bytes()
        after = source.stat()
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            break
    _write(target, content)


def _write(target: Path, content: bytes) -> None:
    """A new file that nobody but its owner may read, durable."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    sync(target.parent)


def _check_store(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as store:
            found = store.execute("pragma integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise BackupError(Fault.NOT_WHOLE, path.name) from error
    if found != ("ok",):
        raise BackupError(Fault.NOT_WHOLE, path.name)


def _sums(folder: Path) -> dict[str, str]:
    """Of every file below, but for what says them."""
    return {
        path.relative_to(folder).as_posix(): _sum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_manifest(path: Path, copied: Copied) -> None:
    held = {"format": _FORMAT, "time": copied.time, "database": copied.has_dump, "files": copied.files}
    _write(path, json.dumps(held, indent=2).encode())


def _read_manifest(copy: Path) -> Copied:
    try:
        held: Mapping[str, Any] = read_json(copy / MANIFEST)
        with sound(copy / MANIFEST):
            files = {str(name): str(of) for name, of in held["files"].items()}
            if held["format"] != _FORMAT or not all(_is_below(name) for name in files):
                raise ValueError
            return Copied(files, int(held["time"]), bool(held["database"]))
    except OSError as error:
        raise BackupError(Fault.NOT_WHOLE, str(copy)) from error


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _run(program: str, *arguments: str) -> bytes:
    """What a program of PostgreSQL's says, which reads a password from a passfile only. What it complains of may tell
    of rows."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise BackupError(Fault.PROGRAM, program) from error
    if done.returncode != 0:
        raise BackupError(Fault.PROGRAM, program)
    return done.stdout
