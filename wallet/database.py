"""SQLite as every store of ours uses it: one file, numbered migrations, write-ahead log, synchronous FULL.

Rule: what was committed survives a power cut, a transaction is whole or was never there, and a file that a newer
Qalta wrote is refused before anything in it is touched (STORE_VERSION).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from wallet.protocol.codes import Code, require

_BUSY_MILLISECONDS: Final = 10_000
_TRIES: Final = 100
"""Of a change of the file's mode, each after a turn to write; each may be in another's way again."""
_CACHED_STATEMENTS: Final = 512

MOVED: Final = 0x716D6F76
"""The application id of a file whose content was taken elsewhere: nobody goes on with what is left."""

CLOSED: Final = sqlite3.connect(":memory:", check_same_thread=False)
"""A connection that was closed: what a store has that let go of its own."""
CLOSED.close()


@dataclass(frozen=True, slots=True)
class Schema:
    """A kind of store: the folder of its migrations inside a package, and what marks a file as its own.

    Migrations are ``NNNN_what.sql``, run in order of their names and only ever added; version n is the n-th. The
    first one of a store that once had no versions makes only what is missing. ``application_id`` 0: not marked.
    """

    package: str
    folder: str = "migrations"
    application_id: int = 0

    @property
    def version(self) -> int:
        """The newest version known here."""
        return len(migrations(self))


@cache
def migrations(schema: Schema) -> tuple[str, ...]:
    """The SQL of every version, oldest first."""
    folder = files(schema.package).joinpath(*schema.folder.split("/"))
    scripts = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name
    )
    return tuple(script.read_text(encoding="utf-8") for script in scripts)


def connect(
    path: Path | str,
    schema: Schema,
    *,
    shared: bool = False,
    statements: int = _CACHED_STATEMENTS,
    page_bytes: int | None = None,
) -> sqlite3.Connection:
    """A connection to the store at `path`, brought to the newest version; made if it is not there.

    ``shared``: any thread may use it, one at a time. ``statements``: how many stay prepared, some 4 KiB each.
    ``page_bytes`` of a store that is made; None is SQLite's own choice. Raises ``Refusal``: STORE_VERSION (made by a
    newer Qalta), STORE_MOVED (taken elsewhere), STORE_DAMAGED (another program's file); ``sqlite3.DatabaseError`` where
    SQLite can't read it.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, cached_statements=statements, check_same_thread=not shared
    )
    try:
        if page_bytes is not None:
            connection.execute(f"PRAGMA page_size = {page_bytes:d}")
        _prepare(connection, schema)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def alone(path: Path | str, schema: Schema) -> Iterator[sqlite3.Connection]:
    """The store at `path`, of the newest version, while nobody else can have it; also one that was marked as moved.

    Its write-ahead log is in it then. Raises ``sqlite3.OperationalError`` (SQLITE_BUSY: somebody has it) and what
    `connect` does.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        execute = connection.execute
        if execute("PRAGMA application_id").fetchone() != (MOVED,):
            connect(path, schema).close()
        version = _version(connection, schema)
        require(version == schema.version, Code.STORE_VERSION, found=version, known=schema.version)
        # Whoever has the file open in the mode of a write-ahead log is in the way of this.
        execute("PRAGMA journal_mode = DELETE").fetchone()
        execute("BEGIN EXCLUSIVE")
        yield connection


def copy_whole(source: Path, target: Path, pages: int, step: Callable[[], None]) -> None:
    """The store at `source` as of one moment, while others write to it, in the new file `target` and nothing beside it.

    ``step`` is called after so many pages each. ``sqlite3.Error``.
    """
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as of,
        closing(sqlite3.connect(target)) as to,
    ):
        # The transaction keeps what the copy began with.
        of.execute("BEGIN")
        of.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        of.backup(to, pages=pages, progress=lambda _status, _left, _total: step())
        of.rollback()
        to.execute("PRAGMA journal_mode = DELETE")


def mark_moved(connection: sqlite3.Connection) -> None:
    """Nobody opens the store that one has `alone` from now on (STORE_MOVED). Durable on return."""
    connection.execute(f"PRAGMA application_id = {MOVED}")
    connection.execute("COMMIT")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A writing transaction: durable when the block ends, undone when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@cache
def insertion(table: str, names: tuple[str, ...], *, unless_there: bool) -> str:
    """The SQL that inserts one row by the names of its columns; ``unless_there``: a row with its key stands."""
    places = ", ".join("?" * len(names))
    end = " ON CONFLICT DO NOTHING" if unless_there else ""
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}){end}"


def insert(connection: sqlite3.Connection, table: str, **values: Any) -> int:
    """One new row; its rowid. ``sqlite3.IntegrityError`` if its key is there already."""
    cursor = connection.execute(insertion(table, tuple(values), unless_there=False), tuple(values.values()))
    return cursor.lastrowid or 0


def insert_new(connection: sqlite3.Connection, table: str, **values: Any) -> bool:
    """One row unless its key is there already; whether it was new."""
    sql = insertion(table, tuple(values), unless_there=True)
    return connection.execute(sql, tuple(values.values())).rowcount == 1


def _prepare(connection: sqlite3.Connection, schema: Schema) -> None:
    execute = connection.execute
    execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    tables = execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    found = execute("PRAGMA application_id").fetchone()[0]
    require(found != MOVED, Code.STORE_MOVED)
    require(found == schema.application_id or (found == 0 and tables == 0), Code.STORE_DAMAGED)
    version = _version(connection, schema)
    _begin_write_ahead_log(connection)
    execute("PRAGMA synchronous = FULL")
    execute("PRAGMA foreign_keys = ON")
    if version < schema.version:
        _migrate(connection, schema)


def _begin_write_ahead_log(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for whoever has the file while it changes its mode, whatever the timeout is: the wait for a
    turn to write does, and then it is tried again. ``sqlite3.OperationalError`` if nobody lets go."""
    for _ in range(_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        with transaction(connection):
            pass
    connection.execute("PRAGMA journal_mode = WAL")


def _version(connection: sqlite3.Connection, schema: Schema) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    require(version <= schema.version, Code.STORE_VERSION, found=version, known=schema.version)
    return version


def _migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """All or nothing: a half-done upgrade is never seen, and of two programs that open the file one does it."""
    with transaction(connection):
        for script in migrations(schema)[_version(connection, schema) :]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute(f"PRAGMA user_version = {schema.version}")


def statements(script: str) -> Sequence[str]:
    """The statements of a script, without running it."""
    found: list[str] = []
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
