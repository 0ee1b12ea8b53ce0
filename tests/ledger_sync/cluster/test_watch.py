"""A wait is ended where another server takes writes, and only there."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from ledger_sync.database.postgres_watch import Place, Watch, WatchedConnection
from tests.support import postgres as clusters

ELSEWHERE: Place = ("elsewhere", 5432)


class Leaders:
    """Says who leads: in turn what it was given, the last for ever."""

    def __init__(self, *places: Place | None) -> None:
        self._places = itertools.chain(places, itertools.repeat(places[-1]))
        self.asked = 0
        self.enough = threading.Event()

    def __call__(self) -> Place | None:
        self.asked += 1
        if self.asked == 5:
            self.enough.set()
        return next(self._places)


@contextmanager
def watching(
    leaders: Leaders, *, patience: float = 0, moved: Callable[[], None] = lambda: None
) -> Iterator[Watch]:
    watch = Watch(leaders, moved, patience=patience, look=0.001)
    try:
        yield watch
    finally:
        watch.close()


@pytest.fixture
def db(postgres: clusters.Cluster) -> Iterator[WatchedConnection]:
    with WatchedConnection.connect(postgres.url(), autocommit=True) as db:
        yield db


def own(db: WatchedConnection) -> Place:
    return db.info.host, db.info.port


def test_a_wait_at_a_server_that_was_replaced_ends_as_a_lost_connection(db: WatchedConnection) -> None:
    leaders, moved = Leaders(None, own(db), None, own(db), ELSEWHERE), threading.Event()
    with watching(leaders, moved=moved.set) as watch:
        db.watch = watch
        with pytest.raises(psycopg.OperationalError):
            db.execute("select pg_sleep(3600)")
        assert moved.wait(60)
    assert db.closed
    assert leaders.asked >= 5


def test_as_long_as_nobody_else_leads_a_wait_goes_on(
    db: WatchedConnection, postgres: clusters.Cluster
) -> None:
    leaders = Leaders(None, own(db))
    with watching(leaders) as watch, ThreadPoolExecutor(1) as thread:
        db.watch = watch
        answer = thread.submit(db.execute, "select pg_sleep(3600)")
        leaders.enough.wait()
        assert not answer.done()
        with psycopg.connect(postgres.url(), autocommit=True) as beside:
            beside.execute("select pg_cancel_backend(%s)", [db.info.backend_pid])
        with pytest.raises(psycopg.errors.QueryCanceled):
            answer.result()
    assert not db.closed


def test_nobody_is_asked_for_the_sake_of_a_short_wait(db: WatchedConnection) -> None:
    leaders = Leaders(ELSEWHERE)
    with watching(leaders, patience=3600) as watch:
        db.watch = watch
        db.execute("select pg_sleep(0.1)")
    assert leaders.asked == 0


def test_between_its_waits_a_connection_is_left_alone(db: WatchedConnection) -> None:
    leaders = Leaders(ELSEWHERE)
    with watching(leaders) as watch, WatchedConnection.connect(db.info.dsn, autocommit=True) as other:
        db.watch = other.watch = watch
        with pytest.raises(psycopg.OperationalError):
            other.execute("select pg_sleep(3600)")
        db.watch = None
        assert db.execute("select 1").fetchone() == (1,)
