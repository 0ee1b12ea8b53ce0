"""What a transaction has read is not read again in it, and is never older than what was written."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.sql.once import Ever, Once
from ledger_sync.bank.sql.shares import SqlShares, SqlWaiting
from ledger_sync.bank.sql.storage import SCHEMA
from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.database.store import Row, Store

TXID = bytes(32)


@contextlib.contextmanager
def undone(store: Store) -> Iterator[None]:
    """A transaction that fails at its end."""
    with contextlib.suppress(RuntimeError), store.transaction():
        yield
        raise RuntimeError


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "bank.db", SCHEMA)


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


def test_what_never_changes_is_read_once_but_not_kept_by_who_wrote_some_of_it(store: Store) -> None:
    asked: list[str] = []
    ever: Ever[str, int] = Ever(store, 2)

    def read(keys: Collection[str]) -> dict[str, int]:
        asked.extend(keys)
        return {key: len(key) for key in keys if key != "none"}

    def find(*keys: str) -> list[str]:
        """What was read for these."""
        asked.clear()
        assert ever.get_each(keys, read) == {key: len(key) for key in keys if key != "none"}
        return list(asked)

    with undone(store):
        ever.written()
        assert [find("a"), find("a")] == [["a"], ["a"]], "it may come to nothing"
    with store.transaction():
        assert [find("a"), find("a", "bb")] == [["a"], ["bb"]]
    assert find("a", "bb") == []
    assert [find("none"), find("none")] == [["none"], ["none"]], "it may come yet"
    assert [find("ccc"), find("bb", "ccc"), find("a")] == [["ccc"], [], ["a"]], "the newest are kept"


def test_what_one_thread_has_read_no_other_forgets(store: Store) -> None:
    """Another announces that it writes, and waits for its turn, while this one reads."""
    with ThreadPoolExecutor(1) as other:

        def read(key: str) -> int:
            other.submit(once.forget).result()
            return len(key)

        once: Once[str, int] = Once(store, read)

        def read_each(keys: Collection[str]) -> dict[str, int]:
            return {key: once.get(key) for key in keys}

        with store.transaction():
            assert once.get("a") == 1
            held = once.get_each(["bb"], read_each)
            other.submit(once.forget).result()
            assert held["bb"] == 2


def test_what_comes_and_goes_in_one_transaction_is_never_written_and_what_stays_is(
    store: SqliteStore,
) -> None:
    waiting = SqlWaiting(store, SqlShares(store))
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


def test_what_is_charged_outside_a_transaction_is_one_of_its_own(store: Store) -> None:
    """It is written at once, and neither lost nor written with what another thread has undone meanwhile."""
    shares = SqlShares(store)
    with ThreadPoolExecutor(1) as other:
        with undone(store):
            shares.charge(Share.CLAIMS, "customer:a", count=5)
            charging = other.submit(shares.charge, Share.CLAIMS, "customer:b", count=3)
        charging.result()
    assert store.rows("select uploader, count from shares") == [("customer:b", 3)]


class Watched(SqliteStore):
    """A store that says when somebody who is in no transaction comes to it."""

    def __init__(self, path: Path) -> None:
        self.came = threading.Event()
        super().__init__(path, SCHEMA)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        self._note()
        return super().rows(sql, values)

    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._note()
        super().run_each(sql, rows)

    def _note(self) -> None:
        if not self.in_transaction:
            self.came.set()


@pytest.mark.parametrize("is_undone", [False, True])
def test_what_one_thread_has_gathered_no_other_writes(tmp_path: Path, *, is_undone: bool) -> None:
    """It looks for what is due while a transfer comes, and sees what was committed before; and not what is gathered."""
    store = Watched(tmp_path / "bank.db")
    waiting = SqlWaiting(store, SqlShares(store))
    with ThreadPoolExecutor(1) as other:
        with undone(store) if is_undone else store.transaction():
            store.insert(
                "transfers", id=TXID, payload=b"", sequence=1, stage="waiting", first_uploader="customer:a"
            )
            waiting.add(TXID, "customer:a", 5)
            store.came.clear()
            due = other.submit(waiting.due, 5_000, 9)
            assert store.came.wait(30)
            assert due.result() == []
        assert waiting.due(5_000, 9) == ([] if is_undone else [TXID])
    assert len(store.rows("select * from waiting")) == (0 if is_undone else 1)
