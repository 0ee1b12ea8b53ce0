"""Double entry: sums, causes, floors; and the store behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.bank.books import FUNDINGS, INTERNAL_ACCOUNTS, OWN, POSITION, Books
from ledger_sync.bank.sql.accounts import SqlAccounts
from ledger_sync.bank.sql.storage import SCHEMA
from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.database.store import Store
from wallet.protocol.codes import Code, Refusal

ACCOUNTS = (*INTERNAL_ACCOUNTS, "a", "b")
moves = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(-1_000, 1_000)
    ).filter(lambda move: move[1] != move[2]),
    max_size=30,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = SqliteStore(tmp_path_factory.mktemp("books") / "bank.db", SCHEMA)
    yield made
    made.close()


def opened(store: Store) -> Books:
    """Books that nothing was written into yet."""
    for table in ("postings", "entries", "accounts"):
        store.run(f"delete from {table}")
    books = Books(SqlAccounts(store), lambda: 1)
    for account in ("a", "b"):
        books.open(account)
    return books


@given(moves=moves)
def test_every_sum_is_zero_every_cause_booked_once_and_no_customer_below_zero(
    store: Store, moves: list[tuple[int, str, str, int]]
) -> None:
    books = opened(store)
    expected = dict.fromkeys(ACCOUNTS, 0)
    booked: set[int] = set()
    for cause, source, target, amount in moves:
        payer, payee = (source, target) if amount >= 0 else (target, source)
        covered = payer in (OWN, POSITION) or expected[payer] >= abs(amount)
        if cause in booked:
            assert books.move(str(cause), source, target, amount) is False
        elif covered:
            assert books.move(str(cause), source, target, amount) is True
            booked.add(cause)
            expected[payer] -= abs(amount)
            expected[payee] += abs(amount)
        else:
            with pytest.raises(Refusal) as refused:
                books.move(str(cause), source, target, amount)
            assert refused.value.code is Code.ACCOUNT_SHORT
    assert {account: books.balance(account) for account in ACCOUNTS} == expected
    assert store.value("select coalesce(sum(amount), 0) from postings") == 0
    assert store.rows("select entry from postings group by entry having sum(amount) <> 0") == []


def test_an_account_that_is_not_there_takes_nothing(store: Store) -> None:
    books = opened(store)
    with pytest.raises(Refusal) as refused:
        books.move("x", OWN, "nobody", 5)
    assert refused.value.code is Code.ACCOUNT_UNKNOWN
    assert (books.balance(OWN), books.balance(FUNDINGS)) == (0, 0)


def move_and_fail(store: Store, books: Books) -> None:
    with store.transaction():
        books.move("x", POSITION, OWN, 5)
        books.move("y", OWN, "nobody", 5)


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "bank.db", SCHEMA)
    books = Books(SqlAccounts(store), lambda: 1)
    with pytest.raises(Refusal):
        move_and_fail(store, books)
    assert books.balance(OWN) == 0
    assert books.move("x", POSITION, OWN, 5)
    store.close()
    again = SqliteStore(tmp_path / "bank.db", SCHEMA)
    assert Books(SqlAccounts(again), lambda: 1).position == 5
    again.close()


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "bank.db", SCHEMA)
    store.run("pragma user_version = 99")
    store.close()
    with pytest.raises(Refusal) as refused:
        SqliteStore(tmp_path / "bank.db", SCHEMA)
    assert refused.value.code is Code.STORE_VERSION
