"""A store in PostgreSQL: a schema of a database, one connection that writes and a few that read beside it.

Rule: a writing transaction holds its store's advisory lock from beginning to end, so it needs no isolation beyond READ
COMMITTED. Nothing may end a commit but the server: no time-out and no cancellation, since PostgreSQL answers a
cancelled wait for the quorum with success and a warning, and the row is there. That warning, and a connection that is
lost at the commit, mean `OutcomeUnknown`; one that is lost before it means that nothing was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic
from psycopg_pool import ConnectionPool, PoolTimeout

from ledger_sync.database.postgres_plans import FORGET
from ledger_sync.database.postgres_session import connect, connecting, is_group, leader, prepare
from ledger_sync.database.postgres_sets import columns_of, insertion_of, over, together
from ledger_sync.database.postgres_watch import Watch, WatchedConnection
from ledger_sync.database.store import Change, Kind, OutcomeUnknown, Row, Store, StoreError, Unavailable
from wallet.database import migrations
from wallet.protocol.codes import Code, require

_READERS: Final = 4
_WAIT_SECONDS: Final = 5.0
"""For a connection to read by. Whoever reads while the server is away is told so, and holds no thread for long."""
_GIVE_UP_SECONDS: Final = 0.5
"""Trying to connect anew. Who reads next tries at once, so that nobody waits for a pause that grew while the server was
away."""
_PLACE: Final = re.compile(r"\?(\d*)")
_IS_MADE: Final = (
    "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = $1 and c.relname = 'schema_version'"
)
_PASSING: Final = ("08", "25006", "40", "53", "57", "58")
"""SQLSTATEs, or their classes, of what is about the server and passes (PostgreSQL manual, appendix A)."""

A = TypeVar("A")
Connection = WatchedConnection


class PostgresStore(Store):
    """`Store` in the schema `kind` of the database at `url`."""

    def __init__(self, url: str, kind: Kind) -> None:
        """Raises `Unavailable`; ``Refusal``: STORE_VERSION (a newer Qalta wrote it)."""
        super().__init__()
        self._kind = kind
        self._url = url
        self._lock = f"select pg_advisory_xact_lock({lock_of(kind.name)})"
        self._db: Connection | None = None
        self._said = conninfo_to_dict(url)
        self._pool: ConnectionPool[WatchedConnection] = ConnectionPool(
            url,
            connection_class=WatchedConnection,
            kwargs=connecting(self._said),
            min_size=1,
            max_size=_READERS,
            configure=self._prepare,
            timeout=_WAIT_SECONDS,
            reconnect_timeout=_GIVE_UP_SECONDS,
            num_workers=1,
            name=kind.name,
            open=False,
        )
        self._watch = Watch(lambda: leader(url), self._pool.drain) if is_group(self._said) else None
        try:
            with passing():
                _migrate(self._connected(), kind, self._lock)
        except BaseException:
            self._end()
            raise
        self._pool.open()

    def _prepare(self, db: WatchedConnection) -> None:
        db.watch = self._watch
        prepare(db, self._kind.name, self._said)

    # writing

    def _connected(self) -> Connection:
        """A connection to write by, opened anew where there is none. Never inside a transaction: what is lost there is
        lost."""
        if self._db is None or self._db.closed:
            try:
                with passing():
                    self._db = connect(self._url, self._kind.name, self._watch)
            except Unavailable:
                self._writing.found_away()
                raise
        return self._db

    @contextmanager
    def _whole(self, *, is_durable: bool) -> Iterator[None]:
        db = self._begun("" if is_durable else "set local synchronous_commit = off; ")
        try:
            yield
            if db.closed:
                raise Unavailable("the connection was lost before the commit")
        except BaseException:
            self._undo(db)
            raise
        self._commit(db)

    def _commit(self, db: psycopg.Connection[Row]) -> None:
        commit(db)

    def _begun(self, settings: str) -> Connection:
        """A connection that was lost since the last transaction says so only now; nothing was written by then."""
        is_old = self._db is not None and not self._db.closed
        db = self._connected()
        try:
            with passing():
                anew = f"{FORGET}; " if db.plans.are_old() else ""
                db.execute(f"begin; {anew}{settings}{self._lock}", prepare=False)
        except BaseException as error:
            self._undo(db)
            if not (is_old and db.closed and isinstance(error, Unavailable)):
                raise
            return self._begun(settings)
        return db

    def _undo(self, db: Connection) -> None:
        """Where it cannot be undone, closing does."""
        try:
            if not db.closed:
                db.execute("rollback", prepare=False)
        except psycopg.Error:
            db.close()

    @property
    def _open(self) -> Connection:
        """The connection of the transaction under way."""
        assert self._db is not None
        return self._db

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self.transaction(), passing():
            return self._open.cursor(binary=True).execute(_native(sql), values).rowcount

    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        listed = list(rows)
        if listed:
            with self.transaction(), passing():
                if (at_once := insertion_of(sql, listed)) is not None:
                    self._open.cursor(binary=True).execute(_native(at_once[0]), at_once[1])
                else:
                    self._open.cursor().executemany(_native(sql), listed)

    def _over(
        self, sql: str, types: Sequence[str], rows: Sequence[Row]
    ) -> Iterable[tuple[str, Sequence[Any]]]:
        if rows:
            yield over(sql, tuple(types)), columns_of(rows, types)

    def change_all(self, changes: Sequence[Change]) -> None:
        some = [change for change in changes if change.rows]
        if some:
            sql = together(tuple((change.sql, tuple(change.types)) for change in some))
            self.run(sql, [column for change in some for column in columns_of(change.rows, change.types)])

    # reading

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        def read(db: Connection) -> list[Row]:
            cursor = db.cursor(binary=True).execute(_native(sql), values)
            return cursor.fetchall()

        def read_beside(db: Connection) -> list[Row]:
            if db.plans.are_old():
                db.execute(FORGET, prepare=False)
            return read(db)

        if self.in_transaction:
            with passing():
                return read(self._open)
        return self._beside(read_beside)

    def _beside(self, read: Callable[[Connection], A]) -> A:
        """Read outside a transaction. Each connection that was lost says so once."""
        for _ in range(_READERS):
            with passing(), self._pool.connection() as db:
                try:
                    return read(db)
                except psycopg.OperationalError:
                    if not db.closed:
                        raise
        with passing(), self._pool.connection() as db:
            return read(db)

    def close(self) -> None:
        with self._writing.at_last():
            self._pool.close()
            self._end()

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.close()
        if self._db is not None:
            self._db.close()


@lru_cache(maxsize=4_096)
def _native(sql: str) -> str:
    """The statement with PostgreSQL's places."""
    count = iter(range(1, len(sql)))
    return _PLACE.sub(lambda place: f"${place[1] or next(count)}", sql)


def lock_of(name: str) -> int:
    """The advisory lock of the writers of a store: eight bytes of a hash of its name."""
    return int.from_bytes(sha256(f"qalta store {name}".encode()).digest()[:8], "big", signed=True)


def commit(db: psycopg.Connection[Row]) -> None:
    """End a transaction as this file's rule says. `OutcomeUnknown`, `Unavailable`, `StoreError`."""
    warnings: list[str] = []

    def hear(said: Diagnostic) -> None:
        if said.severity_nonlocalized == "WARNING":
            warnings.append(said.message_primary or "")

    db.add_notice_handler(hear)
    try:
        ended = db.execute("commit", prepare=False).statusmessage
    except BaseException as error:
        is_heard = isinstance(error, psycopg.Error) and not db.closed
        if not is_heard:
            db.close()
            raise OutcomeUnknown(str(error)) from error
        if _is_passing(error):
            raise Unavailable(str(error)) from error
        raise
    finally:
        db.remove_notice_handler(hear)
    if warnings:
        raise OutcomeUnknown(warnings[0])
    if ended != "COMMIT":
        raise StoreError("a statement had failed, and whoever ran it went on")


@contextmanager
def passing() -> Iterator[None]:
    """What is about the server, and not about the statement, becomes `Unavailable`."""
    try:
        yield
    except psycopg.Error as error:
        if _is_passing(error):
            raise Unavailable(str(error)) from error
        raise


def _is_passing(error: BaseException) -> bool:
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        # libpq itself, or the pool: there is no connection.
        return isinstance(error, psycopg.OperationalError | PoolTimeout)
    return error.sqlstate.startswith(_PASSING)


def _migrate(db: Connection, kind: Kind, lock: str) -> None:
    """All or nothing, and by one of several processes that open the store."""
    scripts = migrations(kind.postgres)
    if _version(db, kind) == len(scripts):
        return
    with db.transaction():
        db.execute(lock, prepare=False)
        found = _version(db, kind)
        if found is None:
            _make(db, kind)
        for script in scripts[found or 0 :]:
            db.execute(script, prepare=False)
        db.execute(f"update schema_version set version = {len(scripts)}", prepare=False)


def stored_version(url: str, kind: Kind) -> int | None:
    """The version of the store at `url`, None where it was not made; nothing is changed. Raises `Unavailable`."""
    with passing(), connect(url, kind.name) as db:
        return _found(db, kind)


def _version(db: Connection, kind: Kind) -> int | None:
    """The store's version, None where it was not made. STORE_VERSION: one that is not known here."""
    found = _found(db, kind)
    known = len(migrations(kind.postgres))
    require(found is None or found <= known, Code.STORE_VERSION, found=found or 0, known=known)
    return found


def _found(db: Connection, kind: Kind) -> int | None:
    """The catalogue is read as a table: what looks names up may still think that there is none, after the wait for who
    made it."""
    if db.execute(_IS_MADE, (kind.name,)).fetchone() is None:
        return None
    (found,) = db.execute("select version from schema_version").fetchone() or (0,)
    return int(found)


def _make(db: Connection, kind: Kind) -> None:
    """The schema, unless whoever runs the database has made it, and in it the table of its version."""
    if db.execute("select 1 from pg_namespace where nspname = $1", (kind.name,)).fetchone() is None:
        db.execute(f'create schema "{kind.name}"', prepare=False)
    db.execute("create table schema_version (version bigint not null)", prepare=False)
    db.execute("insert into schema_version (version) values (0)", prepare=False)
