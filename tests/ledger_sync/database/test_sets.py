"""Sets of rows: what PostgreSQL gets as one statement is what SQLite does row by row."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import adapters
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

from ledger_sync.database.postgres_arrays import COLUMNS, register
from ledger_sync.database.postgres_sets import insertion_of
from ledger_sync.database.store import Change, Store
from tests.ledger_sync.database.conftest import Open

_MADE = "create table if not exists noted (number bigint, name text, raw bytea, primary key (number))"
_COLUMNS = "insert into noted (number, name, raw) values (?, ?, ?)"
_ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
        st.none() | st.binary(max_size=4),
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(rows=_ROWS, again=_ROWS)
def test_rows_stand_as_they_were_given_whatever_is_null(
    store: Store, rows: list[tuple[Any, ...]], again: list[tuple[Any, ...]]
) -> None:
    store.run(_MADE)
    store.run("delete from noted")
    held = {row[0]: row for row in [*rows, *again][::-1]}
    store.run_each(f"{_COLUMNS} on conflict do nothing", rows)
    store.run_each(f"{_COLUMNS} on conflict do nothing", again)
    assert store.rows("select number, name, raw from noted order by number") == sorted(held.values())
    assert store.run_over(
        "delete from noted where (number) in ({rows})", ("bigint",), [(one,) for one in held]
    ) == len(held)


def test_several_changes_stand_as_if_they_were_made_one_after_the_other(store: Store) -> None:
    """Of any number of them, some of no rows."""
    store.run(_MADE)
    store.run(_MADE.replace("noted", "other"))
    insertion = (
        "insert into {table} (number, name, raw) select column1, column2, column3 from ({{rows}}) as n"
    )
    types = ("bigint", "text", "bytea")

    def into(table: str, *rows: tuple[Any, ...]) -> Change:
        return Change(insertion.format(table=table), types, rows)

    store.change_all([])
    store.change_all([into("noted"), into("other")])
    store.change_all([into("noted", (1, None, None), (2, "b", b"")), into("other")])
    over = Change(
        "delete from noted where number in (select column1 from ({rows}) as n)", ("bigint",), [(1,)]
    )
    store.change_all([over, into("other", (3, "c", b"cc"), (4, "dé", None), (5, None, b"ee"))])
    assert store.rows("select number, name, raw from noted order by number") == [(2, "b", b"")]
    assert store.rows("select number, name, raw from other order by number") == [
        (3, "c", b"cc"),
        (4, "dé", None),
        (5, None, b"ee"),
    ]


@given(
    column=st.lists(st.none() | st.binary(max_size=3))
    | st.lists(st.binary(min_size=2, max_size=2))
    | st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.none() | st.text(max_size=3))
)
def test_a_column_is_written_as_psycopg_writes_a_list(column: list[Any]) -> None:
    value = next((value for value in column if value is not None), None)
    if value is None:
        return  # of these psycopg cannot tell the type
    kind = {bytes: "bytea", int: "bigint", str: "text"}[type(value)]
    assert written(COLUMNS[kind](column)) == written(column)


def written(value: Any) -> tuple[bytes, int]:
    """A value of a statement with its type, as a connection writes it."""
    dumped = AdaptersMap(adapters)
    for kind, dumper in ((int, Int8BinaryDumper), (str, StrBinaryDumper), (list, ListBinaryDumper)):
        dumped.register_dumper(kind, dumper)
    register(dumped)
    transformer = Transformer(SimpleNamespace(adapters=dumped, connection=None))
    (found,) = transformer.dump_sequence([value], [PyFormat.BINARY])
    assert found is not None
    assert transformer.types is not None
    return bytes(found), transformer.types[0]


def test_rows_are_numbered_in_their_order_and_a_column_with_its_own_value_keeps_it(store: Store) -> None:
    store.run(_MADE)
    sql = (
        "insert into noted (number, name) values (?, ?) on conflict (number) do update set name = excluded.name"
        " where excluded.name > noted.name"
    )
    store.run_each(sql, [(1, "b"), (2, "b")])
    store.run_each(sql, [(1, "a"), (2, "c"), (3, None)])
    assert store.rows("select number, name from noted order by number") == [(1, "b"), (2, "c"), (3, None)]


def test_a_truth_is_a_number_and_what_is_no_insertion_is_done_row_by_row(store: Store) -> None:
    store.run(_MADE)
    store.run_each("insert into noted (number, name) values (?, ?)", [(True, "a"), (False, None)])
    store.run_each("update noted set name = ? where number = ?", [("c", 0), ("d", 1)])
    assert store.rows("select number, name from noted order by number") == [(0, "c"), (1, "d")]


def test_the_text_of_a_statement_depends_on_the_columns_alone() -> None:
    one, many = (
        insertion_of(_COLUMNS, [(1, None, b"")]),
        insertion_of(_COLUMNS, [(1, None, b""), (2, None, None)]),
    )
    assert one is not None
    assert many is not None
    assert one[0] == many[0]
    assert one[0] == (
        "insert into noted (number, name, raw) select column1, null, column2"
        " from unnest(?::bigint[], ?::bytea[]) as u(column1, column2)"
    )
    assert many[1] == [[1, 2], [b"", None]]
    assert insertion_of("update noted set name = ? where number = ?", [("c", 0)]) is None
    assert insertion_of("insert into noted (number, name) values (?, 'a')", [(1,)]) is None


def test_what_comes_back_in_turn_stays_prepared(store: Store, opened: Open) -> None:
    """More statements than psycopg keeps by itself, each as often as it needs to be prepared."""
    other = opened()
    with other.transaction():
        for _ in range(8):
            for at in range(150):
                other.rows(f"select key, {at} from held where key = ?", (b"a",))
        if "postgres" in type(other).__name__.lower():
            assert other.value("select count(*) from pg_prepared_statements") >= 150
