"""What PostgreSQL says of a wait for its standbys, and what the engine makes of it: one server that has none."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import OutcomeUnknown, Store, Unavailable
from ledger_sync.service.nonces import KIND
from tests.support import postgres as clusters

Db = psycopg.Connection[Any]
WRITE = "insert into nonces (sender, nonce, expiry) values (?, ?, ?)"


@pytest.fixture(scope="module")
def cluster() -> Iterator[clusters.Cluster]:
    with clusters.own() as found:
        yield found


@pytest.fixture
def url(cluster: clusters.Cluster) -> Iterator[str]:
    with cluster.database() as url:
        yield url


@pytest.fixture
def watch(url: str) -> Iterator[Db]:
    """Somebody beside, who puts the quorum back in the end."""
    with psycopg.connect(url, autocommit=True) as db:
        yield db
        quorum(db, "")


def quorum(db: Db, names: str) -> None:
    """Whom commits wait for from now on; the server is asked until it goes by that."""
    db.execute("select set_config('synchronous_commit', 'local', false)")
    db.execute(f"alter system set synchronous_standby_names = '{names}'")
    db.execute("select pg_reload_conf()")
    while (
        db.execute("select pg_sleep(0.01), current_setting('synchronous_standby_names')").fetchall()[0][1]
        != names
    ):
        pass


def waiting(db: Db) -> int:
    """The backend that waits for the quorum, waited for; the server does the sleeping."""
    asked = "select pg_sleep(0.01), (select min(pid) from pg_stat_activity where wait_event = 'SyncRep')"
    while (pid := db.execute(asked).fetchall()[0][1]) is None:
        pass
    return int(pid)


def opened(url: str) -> Store:
    return open_store(url, KIND, Path("/"))


def note(db: Store, nonce: bytes) -> bool:
    """A write; False where it stood already."""
    with db.transaction():
        return db.insert("nonces", sender=b"ann", nonce=nonce, time=1)


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_commit_whose_wait_was_ended_is_not_known_and_the_same_again_finds_it(
    url: str, watch: Db, how: str
) -> None:
    with closing(opened(url)) as db, ThreadPoolExecutor(1) as thread:
        quorum(watch, "nobody")
        answer = thread.submit(note, db, b"once")
        watch.execute(f"select {how}(%s)", [waiting(watch)])
        with pytest.raises(OutcomeUnknown):
            answer.result()
        quorum(watch, "")
        assert note(db, b"once") is False
        assert note(db, b"twice") is True


def test_the_first_transaction_is_a_fence_behind_which_nothing_is_read(url: str, watch: Db) -> None:
    opened(url).close()
    quorum(watch, "nobody")
    with ThreadPoolExecutor(1) as thread:
        opening = thread.submit(opened, url)
        waiting(watch)
        assert not opening.done()
        quorum(watch, "")
        opening.result().close()


def test_a_fence_whose_wait_was_cancelled_lets_nobody_through(url: str, watch: Db) -> None:
    opened(url).close()
    quorum(watch, "nobody")
    with ThreadPoolExecutor(1) as thread:
        opening = thread.submit(opened, url)
        watch.execute("select pg_cancel_backend(%s)", [waiting(watch)])
        with pytest.raises(Unavailable):
            opening.result()


@pytest.mark.parametrize("reads_in_transaction", [True, False])
def test_whoever_has_to_connect_again_waits_at_the_fence_before_it_reads(
    url: str, watch: Db, reads_in_transaction: bool
) -> None:
    with closing(opened(url)) as db, ThreadPoolExecutor(1) as thread:
        note(db, b"once")

        def read() -> int:
            if not reads_in_transaction:
                return len(db.rows("select nonce from nonces"))
            with db.transaction():
                return len(db.rows("select nonce from nonces"))

        quorum(watch, "nobody")
        others = (
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'qalta'"
        )
        watch.execute(others)
        answer = thread.submit(read)
        waiting(watch)
        assert not answer.done()
        quorum(watch, "")
        assert answer.result() == 1


def test_of_several_servers_one_that_would_acknowledge_alone_is_not_believed(
    url: str, cluster: clusters.Cluster, watch: Db
) -> None:
    opened(url).close()
    several = url.replace(f"host={cluster.folder}", f"host={cluster.folder},{cluster.folder}")
    with pytest.raises(Unavailable, match="acknowledge alone"):
        opened(several)
    quorum(watch, "nobody")
    with ThreadPoolExecutor(1) as thread:
        opening = thread.submit(opened, several)
        waiting(watch)
        assert not opening.done()
        watch.execute("select pg_cancel_backend(%s)", [waiting(watch)])
        with pytest.raises(Unavailable):
            opening.result()
