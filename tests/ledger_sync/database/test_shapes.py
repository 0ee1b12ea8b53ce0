"""What SQLite's migrations and PostgreSQL's come to is the same: tables, columns, keys, indexes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ledger_sync.bank.sql.storage import KIND as BANK
from ledger_sync.central_bank.sql.storage import KIND as CENTRAL_BANK
from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Kind
from ledger_sync.service.nonces import KIND as NONCES
from tests.support.postgres import Cluster

KINDS: Final = {kind.name: kind for kind in (BANK, CENTRAL_BANK, NONCES)}
TYPES: Final = {"bigint": "INTEGER", "bytea": "BLOB", "text": "TEXT"}
COLUMNS: Final = """
select table_name, column_name, data_type, is_nullable = 'NO', collation_name from information_schema.columns
where table_schema = %s and table_name <> 'schema_version'
"""
KEYS: Final = """
select t.relname, i.relname, x.indisunique, array(
    select a.attname::text from unnest(x.indkey) with ordinality k (attnum, place)
    join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum order by k.place
), x.indpred is not null
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = t.relnamespace where n.nspname = %s
"""

DIFFERENT: Final = {
    "entries_by_movement": "more than SQLite has",
    "evidence_once": "evidence is too wide for an index there: its hash is what is unique",
    "shown_evidence_once": "likewise",
}
"""Indexes that PostgreSQL has for itself, and in place of those of the same tables."""

Columns = dict[tuple[str, str], tuple[str, bool]]
Keys = set[tuple[str, str, bool, tuple[str, ...], bool]]
"""Table, the index's name ("" where the engine gave it), whether it is unique, its columns, whether it is partial."""


def in_sqlite(path: Path) -> tuple[Columns, Keys]:
    columns: Columns = {}
    keys: Keys = set()
    with sqlite3.connect(path) as db:
        tables = db.execute(
            "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
        )
        for (table,) in tables.fetchall():
            key: dict[int, str] = {}
            for _, name, what, is_there, _, place in db.execute(f"pragma table_info({table})").fetchall():
                columns[table, name] = what.upper(), bool(is_there or place)
                key |= {place: name} if place else {}
            keys.add((table, "", True, tuple(key[place] for place in sorted(key)), False))
            for _, name, is_unique, origin, is_partial in db.execute(
                f"pragma index_list({table})"
            ).fetchall():
                of = tuple(row[2] for row in db.execute(f"pragma index_info({name})"))
                if origin != "pk":
                    keys.add((table, name if origin == "c" else "", bool(is_unique), of, bool(is_partial)))
    return columns, keys


def in_postgres(url: str, schema: str) -> tuple[Columns, Keys]:
    with psycopg.connect(url) as db:
        found = db.execute(COLUMNS, (schema,)).fetchall()
        # Texts sort by their bytes there too, whatever the database's own rules are.
        assert {row[1] for row in found if row[2] == "text" and row[4] != "C"} == set()
        columns = {(table, name): (TYPES[what], is_there) for table, name, what, is_there, _ in found}
        indexes = db.execute(KEYS, (schema,)).fetchall()
    keys: Keys = set()
    for table, name, is_unique, of, is_partial in indexes:
        if table != "schema_version":
            named = "" if is_unique and name.endswith(("_pkey", "_key")) else name
            keys.add((table, named, is_unique, tuple(of), is_partial))
    return columns, keys


@pytest.mark.parametrize("name", sorted(KINDS))
def test_both_engines_have_the_same_tables(name: str, postgres: Cluster, tmp_path: Path) -> None:
    kind: Kind = KINDS[name]
    open_store("sqlite:store.db", kind, tmp_path).close()
    with postgres.database() as url:
        open_store(url, kind, tmp_path).close()
        columns, keys = in_postgres(url, kind.name)
    expected_columns, expected_keys = in_sqlite(tmp_path / "store.db")
    assert columns == expected_columns
    own = {key for key in keys if key[1] in DIFFERENT}
    instead = {table for table, index, is_unique, *_ in own if is_unique}
    assert {key for key in expected_keys - keys if key[0] not in instead} == set()
    assert keys - expected_keys == own
