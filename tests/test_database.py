"""The one module that opens, versions and migrates stores: all or nothing, and once."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wallet.database import Schema, connect, insert, insert_new, migrations


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Schema]:
    package = tmp_path / "grown"
    (package / "steps").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "steps" / "0001_first.sql").write_text("create table a (x integer primary key, y text);\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield Schema("grown", "steps")
    migrations.cache_clear()
    sys.modules.pop("grown", None)


def grow(tmp_path: Path, sql: str) -> None:
    migrations.cache_clear()
    (tmp_path / "grown" / "steps" / "0002_second.sql").write_text(sql)


def state(path: Path) -> tuple[int, list[str]]:
    with sqlite3.connect(path) as raw:
        tables = [name for (name,) in raw.execute("select name from sqlite_schema where type = 'table'")]
        return raw.execute("pragma user_version").fetchone()[0], sorted(tables)


def test_a_migration_that_fails_leaves_the_store_as_it_was(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connect(path, schema).close()
    grow(tmp_path, "create table b (x);\ninsert into nothing values (1);\n")
    with pytest.raises(sqlite3.OperationalError):
        connect(path, schema)
    assert state(path) == (1, ["a"])
    grow(tmp_path, "create table b (x);\n")
    connect(path, schema).close()
    assert state(path) == (2, ["a", "b"])


def test_of_many_that_open_one_store_one_migrates_it(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connect(path, schema).close()
    grow(tmp_path, "alter table a rename to b;\n")

    def open_and_close(_: int) -> None:
        connect(path, schema, shared=True).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_and_close, range(8)))
    assert state(path) == (2, ["b"])


def test_who_makes_it_while_another_has_it_waits_for_a_turn(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(lambda: connect(path, schema, shared=True).close())
        try:
            with pytest.raises(TimeoutError):
                made.result(timeout=0.3)
        finally:
            other.execute("rollback")
            other.close()
        made.result()
    assert state(path) == (1, ["a"])


def test_rows_are_inserted_by_the_names_of_their_columns(schema: Schema, tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db", schema)
    assert insert(connection, "a", y="y", x=1) == 1
    assert not insert_new(connection, "a", x=1, y="other")
    assert insert_new(connection, "a", x=2)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "a", x=1)
    assert connection.execute("select x, y from a order by x").fetchall() == [(1, "y"), (2, None)]
    connection.close()


def test_no_statement_of_ours_counts_on_the_order_of_columns() -> None:
    by_place = re.compile(r"insert\s+(or\s+\w+\s+)?into\s+\w+\s+(values|select)", re.IGNORECASE)
    root = Path(__file__).parent.parent
    sources = [
        path for room in ("wallet", "hsm", "ledger_sync", "app") for path in (root / room).rglob("*.py")
    ]
    assert [path.name for path in sources if by_place.search(path.read_text("utf-8"))] == []
