"""Copying a store from its SQLite file into PostgreSQL.

Rule: a store is copied whole in one transaction of PostgreSQL or not at all, and it is read back there and compared by
count and digest before that commits. What was copied is remembered as a comment on its table of versions, so that the
same again finds it done, and that nothing is written over but an earlier copy which nobody has touched since.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from hashlib import sha256
from typing import Any, Final

import psycopg

from hsm.failpoint import reach
from ledger_sync.database.postgres import PostgresStore, commit, lock_of, passing
from ledger_sync.database.postgres_session import connect
from ledger_sync.database.store import Kind, Row
from wallet.protocol.codes import Code, require

VERSIONS: Final = "schema_version"
_MARK: Final = "copied from SQLite: "
_BITS: Final = 256

_TABLES: Final = """
select c.oid::bigint, c.relname::text from pg_class c
where c.relkind = 'r' and c.relnamespace = current_schema()::text::regnamespace and c.relname <> $1 order by c.relname
"""
_COLUMNS: Final = """
select a.attname::text, t.typname::text, a.attidentity <> ''
from pg_attribute a join pg_type t on t.oid = a.atttypid
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum
"""
_REFERENCES: Final = """
select conrelid::bigint, confrelid::bigint from pg_constraint
where contype = 'f' and connamespace = current_schema()::text::regnamespace and conrelid <> confrelid
"""

Connection = psycopg.Connection[Row]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of both engines: its columns as PostgreSQL has them, and which of them count by themselves."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    counting: tuple[str, ...]

    @property
    def select(self) -> str:
        """Its rows, in no order."""
        return f"select {', '.join(map(_quoted, self.columns))} from {_quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows, whatever their order: how many, and the sum of their hashes."""

    rows: int = 0
    total: int = 0

    def with_rows(self, rows: Iterable[Sequence[Any]]) -> Digest:
        count, total = self.rows, self.total
        for row in rows:
            count += 1
            total += int.from_bytes(sha256(repr(tuple(row)).encode()).digest(), "big")
        return Digest(count, total % (1 << _BITS))


@dataclass(frozen=True, slots=True)
class Copied:
    """What there is of a store in PostgreSQL now: its rows, and whether an earlier copy had brought them already."""

    tables: int
    rows: int
    was_there: bool


def copy(source: sqlite3.Connection, kind: Kind, url: str) -> Copied:
    """The store that `source` reads, in PostgreSQL at `url`. `source` is of the newest version, and nobody else's.

    Raises `Unavailable` (nothing was copied), `OutcomeUnknown` (whether it was, the same again finds out);
    ``Refusal``: STORE_OCCUPIED (other rows lie there), STORE_DAMAGED (a table has no place there, or what was read back
    is not what was written).
    """
    target = PostgresStore(url, kind)
    target.close()
    with passing(), connect(url, kind.name) as db:
        with _transaction(db):
            db.execute(f"select pg_advisory_xact_lock({lock_of(kind.name)})", prepare=False)
            tables = _tables(db)
            _require_place(source, tables)
            wanted = {table.name: _digest(source.execute(table.select)) for table in tables}
            mark = _mark(wanted)
            rows = sum(digest.rows for digest in wanted.values())
            if _make_room(db, tables, mark):
                return Copied(len(tables), rows, was_there=True)
            for table in tables:
                _fill(db, table, source.execute(table.select))
                _count_on(db, table, source)
                reach("database.copy.table")
            for table in tables:
                require(_digest(_read(db, table)) == wanted[table.name], Code.STORE_DAMAGED, table=table.name)
            db.execute(f"comment on table {VERSIONS} is '{mark}'", prepare=False)
            reach("database.copy.compared")
        db.execute("analyze", prepare=False)
    return Copied(len(tables), rows, was_there=False)


@contextmanager
def _transaction(db: Connection) -> Iterator[None]:
    """A block that stands whole or not at all; it is said where that is not known."""
    db.execute("begin", prepare=False)
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):
            db.execute("rollback", prepare=False)
        raise
    commit(db)


def _tables(db: Connection) -> list[Table]:
    """All tables of the schema, each after those that it refers to."""
    found: dict[int, str] = dict(db.execute(_TABLES, (VERSIONS,)).fetchall())
    order = TopologicalSorter[int](dict.fromkeys(found, ()))
    for referring, referred in db.execute(_REFERENCES).fetchall():
        order.add(referring, referred)
    return [_table(db, oid, found[oid]) for oid in order.static_order()]


def _table(db: Connection, oid: int, name: str) -> Table:
    columns = db.execute(_COLUMNS, (oid,)).fetchall()
    counting = tuple(column for column, _, counts in columns if counts)
    return Table(
        name, tuple(column for column, *_ in columns), tuple(kind for _, kind, _ in columns), counting
    )


def _require_place(source: sqlite3.Connection, tables: Sequence[Table]) -> None:
    """That nothing of the file would be left behind: no column, and no table that holds anything."""
    known = {table.name: table for table in tables}
    held = source.execute("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
    for (name,) in held.fetchall():
        columns = {column for _, column, *_ in source.execute(f"pragma table_info({_quoted(name)})")}
        if name in known:
            require(columns == set(known[name].columns), Code.STORE_DAMAGED, table=name)
        else:
            is_empty = source.execute(f"select 1 from {_quoted(name)} limit 1").fetchone() is None
            require(is_empty, Code.STORE_DAMAGED, table=name)


def _make_room(db: Connection, tables: Sequence[Table], mark: str) -> bool:
    """Whether the same was copied already. Rows of another copy go, where they are as it left them. STORE_OCCUPIED."""
    held = {table.name: _digest(_read(db, table)) for table in tables}
    said = db.execute("select obj_description($1::regclass)", (VERSIONS,)).fetchone()
    is_copy = said is not None and said[0] == _mark(held)
    if is_copy and said == (mark,):
        return True
    if any(digest.rows for digest in held.values()):
        require(is_copy, Code.STORE_OCCUPIED)
        names = ", ".join(_quoted(table.name) for table in tables)
        db.execute(f"truncate {names}", prepare=False)
    return False


def _fill(db: Connection, table: Table, rows: Iterable[Row]) -> None:
    columns = ", ".join(map(_quoted, table.columns))
    statement = f"copy {_quoted(table.name)} ({columns}) from stdin (format binary)"
    with db.cursor() as cursor, cursor.copy(statement) as writing:
        writing.set_types(table.types)
        for row in rows:
            writing.write_row(row)


def _read(db: Connection, table: Table) -> Iterator[Sequence[Any]]:
    statement = f"copy ({table.select}) to stdout (format binary)"
    with db.cursor() as cursor, cursor.copy(statement) as reading:
        reading.set_types(table.types)
        yield from reading.rows()


def _count_on(db: Connection, table: Table, source: sqlite3.Connection) -> None:
    """Numbers that were given go on after the last, also after one whose row is gone."""
    for column in table.counting:
        (highest,) = source.execute(f"select max({_quoted(column)}) from {_quoted(table.name)}").fetchone()
        counts = source.execute("select 1 from sqlite_schema where name = 'sqlite_sequence'").fetchone()
        given = (
            source.execute("select seq from sqlite_sequence where name = ?", (table.name,)).fetchone()
            if counts
            else None
        )
        last = max(highest or 0, 0 if given is None else given[0])
        if last:
            statement = "select setval(pg_get_serial_sequence($1, $2), $3)"
            db.execute(statement, (_quoted(table.name), column, last))


def _digest(rows: Iterable[Sequence[Any]]) -> Digest:
    return Digest().with_rows(rows)


def _mark(digests: dict[str, Digest]) -> str:
    """What is remembered of a copy: its rows and a hash over all tables."""
    said = repr(sorted((name, digest.rows, digest.total) for name, digest in digests.items()))
    return _MARK + sha256(said.encode()).hexdigest()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
