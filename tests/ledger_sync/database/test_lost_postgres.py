"""PostgreSQL that goes away: what was written is known, or it is said that it is not; the same again finds out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Kind, OutcomeUnknown, Store, StoreError, Unavailable
from tests.support.cut_lines import Cut, cut_line
from tests.support.postgres import Cluster, own

OTHERS = "pid <> pg_backend_pid() and datname = current_database() and backend_type = 'client backend'"
END_ALL = f"select pg_terminate_backend(pid, 30000) from pg_stat_activity where {OTHERS}"


def amount(store: Store, key: bytes = b"a") -> Any:
    return store.value("select amount from held where key = ?", (key,))


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as administrator:
        cursor = administrator.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def store(pg: tuple[Cluster, str], kind: Kind) -> Iterator[Store]:
    made = open_store(pg[1], kind, Path())
    yield made
    made.close()


@pytest.fixture
def url(pg: tuple[Cluster, str]) -> str:
    return pg[1]


def test_what_is_read_is_read_again_and_a_transaction_begins_anew(store: Store, url: str) -> None:
    store.insert("held", key=b"a", amount=1)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: amount(store), range(8))) == [1] * 8
    ask(url, END_ALL)
    assert amount(store) == 1
    assert store.run("update held set amount = 2 where key = ?", (b"a",)) == 1
    assert amount(store) == 2


def test_of_a_transaction_that_loses_its_connection_nothing_stands(store: Store, url: str) -> None:
    ends: list[str] = []
    store.at_end(lambda: ends.append("finished"), lambda: ends.append("forgotten"))

    def write() -> None:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            ask(url, END_ALL)
            store.insert("held", key=b"b", amount=1)

    with pytest.raises(Unavailable):
        write()
    assert (amount(store), ends) == (None, ["forgotten"])
    assert store.insert("held", key=b"a", amount=2)


def test_nobody_goes_on_after_it_on_another_connection(store: Store, url: str) -> None:
    """Whoever swallows that it was lost writes nothing outside the transaction, and is told at its end."""

    def go_on() -> None:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            ask(url, END_ALL)
            for key in (b"b", b"c"):
                with pytest.raises(Unavailable):
                    store.insert("held", key=key, amount=1)

    with pytest.raises(Unavailable):
        go_on()
    assert store.rows("select * from held") == []


def test_while_it_is_away_one_tries_and_the_others_hear_it_at_once(
    url: str, kind: Kind, tmp_path: Path
) -> None:
    """Whoever tries is not answered: that takes ten seconds, and would take each of those behind it as long again."""
    heard: list[BaseException | None] = []

    def write() -> None:
        try:
            store.insert("held", key=b"a", amount=1)
        except Unavailable as error:
            heard.append(error)

    def knock() -> threading.Thread:
        before = line.knocks
        thread = threading.Thread(target=write)
        thread.start()
        while line.knocks == before:
            assert thread.is_alive()
        return thread

    with cut_line(url, tmp_path) as line:
        store = open_store(line.url, kind, tmp_path)
        store._pool.close()  # type: ignore[attr-defined] # which knocks too
        line.leave()
        first = knock()
        line.hang_up()
        first.join()
        assert len(heard) == 1
        second = knock()
        knocks = line.knocks
        with ThreadPoolExecutor(8) as threads:
            assert all(one.result(5) is None for one in [threads.submit(write) for _ in range(8)])
        assert (len(heard), line.knocks) == (9, knocks)
        line.come_back()
        second.join()
        assert store.insert("held", key=b"b", amount=1)
        store.close()


def test_nobody_commits_past_a_statement_that_failed(store: Store) -> None:
    def go_on() -> None:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            with pytest.raises(psycopg.IntegrityError):
                store.run("insert into held (key, amount) values (?, ?)", (b"a", 1))

    with pytest.raises(StoreError):
        go_on()
    assert amount(store) is None


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_end_was_not_heard_may_stand(url: str, kind: Kind, tmp_path: Path, cut: Cut) -> None:
    ends: list[str] = []
    with cut_line(url, tmp_path) as line:
        store = open_store(line.url, kind, tmp_path)
        store.at_end(lambda: ends.append("finished"), lambda: ends.append("forgotten"))
        line.armed = cut
        with pytest.raises(OutcomeUnknown):
            store.insert("held", key=b"a", amount=1)
        assert (line.cuts, ends) == (1, ["finished", "forgotten"])
        assert store.insert("held", key=b"a", amount=1) is (cut == "before")
        assert amount(store) == 1
        store.close()


def test_a_backend_that_ends_before_the_commit_comes_is_not_known_of(store: Store, url: str) -> None:
    """It might have ended after it: the client hears the same of both."""

    def write() -> None:
        with store.transaction():
            store.insert("held", key=b"a", amount=1)
            ask(url, END_ALL)

    with pytest.raises(OutcomeUnknown):
        write()
    assert amount(store) is None
    assert store.insert("held", key=b"a", amount=1)


# a cluster that is done harm


@pytest.fixture(scope="module")
def harmed() -> Iterator[Cluster]:
    with own() as cluster:
        yield cluster


def cancelled(url: str, store: Store) -> bytes:
    """The key of the first row whose wait for a standby was cancelled; servers heed a setting when they come to it."""
    waits = "select pid from pg_stat_activity where wait_event = 'SyncRep'"
    with ThreadPoolExecutor(1) as thread:
        for at in count():
            writing = thread.submit(store.insert, "held", key=at.to_bytes(4), amount=1)
            while not writing.done():
                ask(url, f"select pg_cancel_backend(pid) from ({waits}) as waiting")
            if (error := writing.exception()) is not None:
                assert isinstance(error, OutcomeUnknown)
                assert "synchronous replication" in str(error)
                return at.to_bytes(4)
    raise AssertionError


def test_a_wait_for_the_quorum_that_was_cancelled_may_be_unreplicated(harmed: Cluster, kind: Kind) -> None:
    """PostgreSQL says success and warns; the row is there, and whoever reads it must not build on it."""
    with harmed.database() as url:
        store = open_store(url, kind, Path())
        ask(url, "alter system set synchronous_standby_names = 'nobody'")
        ask(url, "select pg_reload_conf()")
        key = cancelled(url, store)
        ask(url, "alter system reset synchronous_standby_names")
        ask(url, "select pg_reload_conf()")
        assert not store.insert("held", key=key, amount=1)
        assert amount(store, key) == 1
        store.close()


def test_what_was_acknowledged_is_there_after_a_kill(harmed: Cluster, kind: Kind) -> None:
    """SIGKILL of the whole server while four threads of two processes commit, each the next key after the last."""
    with harmed.database() as url:
        stores = [open_store(url, kind, Path()) for _ in range(2)]
        said: dict[int, str] = {}
        begun = threading.Barrier(5)

        def write(number: int) -> None:
            begun.wait()
            for at in range(number, 100_000, 4):
                try:
                    stores[at % 2].insert("held", key=at.to_bytes(4), amount=1)
                    said[at] = "stands"
                except OutcomeUnknown:
                    said[at] = "unknown"
                    return
                except Unavailable:
                    said[at] = "nothing"
                    return

        with ThreadPoolExecutor(4) as threads:
            writing = [threads.submit(write, number) for number in range(4)]
            begun.wait()
            while len(said) < 40:
                stores[0].value("select count(*) from held")
            harmed.kill()
            for done in writing:
                done.result()
        harmed.start()
        there = {int.from_bytes(key) for (key,) in stores[0].rows("select key from held")}
        by_word = {word: {at for at, held in said.items() if held == word} for word in set(said.values())}
        assert by_word["stands"] <= there
        assert not by_word.get("nothing", set()) & there
        assert there <= by_word["stands"] | by_word.get("unknown", set())
        for at in by_word.get("unknown", set()):
            assert stores[1].insert("held", key=at.to_bytes(4), amount=1) is (at not in there)
        for store in stores:
            store.close()
