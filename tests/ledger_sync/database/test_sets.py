"""Sets of rows: what PostgreSQL gets as one statement is what SQLite does row by row."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.database.postgres_sets import insertion_of
from ledger_sync.database.store import Store
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
