"""PostgreSQL keeps plans with statements: none that was made while a table was small outlives its being large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.postgres import PostgresStore
from ledger_sync.database.postgres_plans import Plans
from ledger_sync.database.store import Kind, Row
from tests.support.postgres import Cluster

ASKED = "select key from held where amount >= ?"
"""Of how many rows it thinks is written in its plan."""
GROW = "insert into held (key, amount) {rows}"
SIZE = 5_000
BEFORE, AFTER = 56, 256
"""Uses, more than it takes to keep a plan, and to forget it twice."""


@pytest.fixture
def store(pg: tuple[Cluster, str], newer: Kind) -> Iterator[PostgresStore]:
    made = open_store(pg[1], newer, Path())
    assert isinstance(made, PostgresStore)
    made._pool.resize(1, 1)  # where it is busy for a moment a second one comes, with plans of its own
    with made.transaction():
        made.run("create index held_by_amount on held (amount)")
    yield made
    made.close()


def grow(store: PostgresStore) -> None:
    rows = [(number.to_bytes(8), number) for number in range(SIZE)]
    store.run_over(GROW, ("bytea", "bigint"), rows)


def ask(store: PostgresStore) -> list[Row]:
    return store.rows(ASKED, (SIZE - 1,))


def thought_of(store: PostgresStore, *, by_writer: bool) -> int:
    """How many rows there would be by the plan that a connection keeps; 0 where it keeps none."""

    def rows(db: psycopg.Connection[Row]) -> int:
        sql = (
            "select name from pg_prepared_statements where statement like '%amount >=%' and generic_plans > 0"
        )
        found = db.execute(sql, prepare=False).fetchone()
        if found is None:
            return 0
        told = db.execute(
            f"explain (format json) execute {found[0]}(null)".encode(), prepare=False
        ).fetchone()
        assert told is not None
        return int(told[0][0]["Plan"]["Plan Rows"])

    if by_writer:
        with store.transaction():
            return rows(store._open)
    with store._pool.connection() as db:
        return rows(db)


@pytest.mark.parametrize("by_writer", [True, False])
def test_a_plan_of_a_small_table_is_made_anew_as_the_table_grows(
    store: PostgresStore, *, by_writer: bool
) -> None:
    def use() -> None:
        if by_writer:
            with store.transaction():
                ask(store)
        else:
            ask(store)

    for _ in range(BEFORE):
        use()
    small = thought_of(store, by_writer=by_writer)
    grow(store)
    assert 0 < thought_of(store, by_writer=by_writer) == small
    for _ in range(AFTER):
        use()
    assert thought_of(store, by_writer=by_writer) > 2 * small
    assert ask(store) == [((SIZE - 1).to_bytes(8),)]


def test_plans_are_forgotten_ever_more_seldom() -> None:
    plans = Plans()
    assert [use for use in range(1, 10_000) if plans.are_old()] == [16, 64, 256, 1_024, 4_096]
