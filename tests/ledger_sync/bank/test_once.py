"""What a transaction has read is not read again in it, and is never older than what was written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.bank.once import Once
from ledger_sync.bank.sqlite.shares import SqliteShares, SqliteWaiting
from ledger_sync.bank.sqlite.store import Store

TXID = bytes(32)


@contextlib.contextmanager
def undone(store: Store) -> Iterator[None]:
    """A transaction that fails at its end."""
    with contextlib.suppress(RuntimeError), store.transaction():
        yield
        raise RuntimeError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "bank.db")


def test_nothing_is_kept_outside_a_transaction_nor_after_it(store: Store) -> None:
    asked: list[str] = []
    once: Once[str, int] = Once(store, lambda key: asked.append(key) or len(asked))
    once.put("a", 7)
    assert [once.get("a"), once.get("a")] == [1, 2]
    with store.transaction():
        assert [once.get("a"), once.get("a")] == [3, 3]
        once.put("a", 7)
        assert once.get("a") == 7
        once.forget()
        assert once.get("a") == 4
    assert once.get("a") == 5
    with undone(store):
        once.put("a", 7)
    with store.transaction():
        assert once.get("a") == 6


def test_what_comes_and_goes_in_one_transaction_is_never_written_and_what_stays_is(store: Store) -> None:
    waiting = SqliteWaiting(store, SqliteShares(store))
    store.insert("transfers", id=TXID, payload=b"", sequence=1, stage="waiting", first_uploader="customer:a")
    written: list[str] = []
    store._db.set_trace_callback(written.append)
    with store.transaction():
        waiting.add(TXID, "customer:a", 5)
        waiting.charge(TXID, "key:b")
        waiting.over(TXID)
    assert not [sql for sql in written if "waiting" in sql.lower() and not sql.lower().startswith("select")]
    with store.transaction():
        waiting.add(TXID, "customer:a", 5)
        waiting.charge(TXID, "key:b")
        assert waiting.oldest("customer:a", "key:b", 9) == [TXID]
        waiting.charge(TXID, "key:c")
    assert store.rows("select uploader, payer, since from waiting") == [("customer:a", "key:b", 5)]
    assert store.rows("select what, payer, count from shares order by payer") == [
        ("waiting", "", 1),
        ("waiting", "key:b", 1),
    ]
    with undone(store):
        waiting.over(TXID)
    with store.transaction():
        waiting.over(TXID)
    assert store.rows("select * from waiting") == []
    assert store.rows("select * from shares") == []
