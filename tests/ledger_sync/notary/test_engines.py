"""What a notary's word rests on in its database: few statements, one order, a write of its own before each answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.postgres import PostgresStore
from ledger_sync.database.store import OutcomeUnknown, Row
from ledger_sync.notary import Verdicts
from ledger_sync.notary.log import Statement
from ledger_sync.notary.sql_store import KIND, SqlStore
from tests.ledger_sync.notary.backends import Teller, attestor, item, opened, ref, sign, what
from tests.support import postgres as clusters
from tests.support.inside import SIGNING_HEAD, watching
from wallet.protocol import cose
from wallet.protocol.kinds import CONSUMPTION, CONSUMPTION_2, Kind
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef


def encoded(verdicts: Sequence[Verdicts]) -> list[list[bytes]]:
    return [[what(statement) for statement in said] for said in verdicts]


def writes(url: str) -> int:
    with closing(open_store(url, KIND, Path("/"))) as db:
        return db.value("select answers from log") or 0


@pytest.mark.parametrize("form", [CONSUMPTION, CONSUMPTION_2], ids=str)
def test_whatever_is_told_was_preceded_by_a_write_of_its_own(url: str, form: Kind) -> None:
    with closing(opened(url)) as store:
        notary = Teller(attestor(store), form)
        told: list[Callable[[], object]] = [
            lambda: notary.commit([item("a", ref(1))]),
            lambda: notary.commit([item("a", ref(1))]),
            lambda: notary.commit([item("b", ref(1))]),
            lambda: notary.lookup([ref(1)]),
        ]
        for count, tell in enumerate(told, 1):
            tell()
            assert writes(url) == count


@pytest.mark.parametrize("form", [CONSUMPTION, CONSUMPTION_2], ids=str)
def test_nothing_is_signed_inside_a_transaction(url: str, form: Kind) -> None:
    with closing(open_store(url, KIND, Path("/"))) as db:
        notary = Teller(attestor(SqlStore(db, os.urandom)), form)
        with watching(lambda: db.in_transaction) as seen:
            for name in "ab":
                notary.commit([item(name, ref(1), ref(name))])
            notary.lookup([ref(1)])
        assert [(code.co_name, is_inside) for code, is_inside in seen if is_inside] == []
        assert [code for code, _ in seen].count(SIGNING_HEAD) == 2


def test_two_processes_that_want_the_same_in_opposite_orders_are_told_one_thing(url: str) -> None:
    names = [str(number) for number in range(40)]
    opened(url).close()
    command = [sys.executable, "-m", "tests.ledger_sync.notary.backends", url, CONSUMPTION.typ]
    running = [
        subprocess.Popen([*command, *order], stdout=subprocess.PIPE, text=True)
        for order in (names, names[::-1])
    ]
    said = [process.communicate()[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    winners: dict[TokenRef, bytes] = {}
    for raw in {word for lines in said for line in lines for word in line.split()}:
        for token in cose.parse(Consumption, bytes.fromhex(raw)).body.refs:
            assert token not in winners
            winners[token] = bytes.fromhex(raw)
    assert set(winners) == {ref(name) for name in names} | {ref("shared")}
    assert [len(lines) for lines in said] == [40, 40]


class Counting(PostgresStore):
    """Counts what it sends, and loses its connection where it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(url, KIND)
        self.sent = 0
        self.lose: Callable[[psycopg.Connection[Row], Callable[[], None]], None] | None = None

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        self.sent += 1
        return super().run(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        self.sent += 1
        return super().rows(sql, values)

    def _commit(self, db: psycopg.Connection[Row]) -> None:
        lose, self.lose = self.lose, None
        if lose is None:
            super()._commit(db)
        else:
            lose(db, lambda: super(Counting, self)._commit(db))


@pytest.fixture
def postgres_notary(postgres: clusters.Cluster) -> Iterator[str]:
    with postgres.lent("notary", lambda url: opened(url).close()) as url:
        yield url


@pytest.mark.parametrize(("form", "most"), [(CONSUMPTION, 9), (CONSUMPTION_2, 7)], ids=str)
def test_a_batch_takes_as_many_statements_whatever_its_size(
    postgres_notary: str, form: Kind, most: int
) -> None:
    with closing(Counting(postgres_notary)) as db:
        notary = Teller(attestor(SqlStore(db, os.urandom)), form)
        notary.commit([item("the first makes the log", ref("first"))])
        sent = []
        for size in (1, 2, 300):
            begun = db.sent
            notary.commit(
                [item(f"{size} {n}", *(ref(f"{size} {n}", out) for out in range(3))) for n in range(size)]
            )
            sent.append(db.sent - begun)
        assert sent[0] <= most
        assert sent[:2] == sent[:1] * 2
        assert sent[2] == sent[0] + 1, "the roots of complete subtrees"


@pytest.mark.parametrize(("form", "most"), [(CONSUMPTION, 3), (CONSUMPTION_2, 6)], ids=str)
def test_a_repeat_takes_no_more(postgres_notary: str, form: Kind, most: int) -> None:
    with closing(Counting(postgres_notary)) as db:
        notary = Teller(attestor(SqlStore(db, os.urandom)), form)
        batch = [item(n, ref(n), ref("shared")) for n in range(100)]
        first = notary.commit(batch)
        begun = db.sent
        assert encoded(notary.commit(batch)) == encoded(first)
        assert db.sent - begun <= most


def ended(db: psycopg.Connection[Row]) -> None:
    """The server ends this connection: it hears of that with its next word."""
    with psycopg.connect(db.info.dsn, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 10000)", (db.info.backend_pid,))


def lost_before(db: psycopg.Connection[Row], commit: Callable[[], None]) -> None:
    ended(db)
    commit()


def lost_after(_db: psycopg.Connection[Row], commit: Callable[[], None]) -> None:
    commit()
    raise OutcomeUnknown("the answer was lost")


@pytest.mark.parametrize("lose", [lost_before, lost_after])
@pytest.mark.parametrize("which", ["claim", "attest"])
def test_a_connection_lost_at_commit_is_not_known_and_the_same_again_finds_out(
    postgres_notary: str, which: str, lose: Callable[[psycopg.Connection[Row], Callable[[], None]], None]
) -> None:
    with closing(Counting(postgres_notary)) as db, closing(opened(postgres_notary)) as other:
        said: list[Statement] = []

        def signed(body: Consumption) -> Statement:
            if which == "attest":
                db.lose = lose
            said.append(sign(body))
            return said[-1]

        db.lose = lose if which == "claim" else None
        with pytest.raises(OutcomeUnknown):
            attestor(SqlStore(db, os.urandom), signed).commit([item("a", ref(1), ref(2))])
        rival = attestor(other).commit([item("b", ref(2), ref(3))])
        again = attestor(SqlStore(db, os.urandom)).commit(
            [item("a", ref(1), ref(2)), item("b", ref(2), ref(3))]
        )
        assert encoded(again[1:]) == encoded(rival)
        winner = next(one.body.consumer for one in rival[0] if ref(2) in one.body.refs)
        is_kept = lose is lost_after
        assert winner == (item("a", ref(1)) if is_kept or which == "attest" else item("b", ref(1))).consumer
        if which == "attest" and is_kept:
            assert said[0].encode() in encoded(again)[0]


def waits_for_the_quorum(watch: psycopg.Connection[tuple[Any, ...]]) -> int:
    """How many commits do."""
    ((count,),) = watch.execute("select count(*) from pg_stat_activity where wait_event = 'SyncRep'")
    return int(count)


def begun(tell: Callable[[], object]) -> Future[object]:
    """What it comes to, in a thread of its own; also what it raises, so that nobody waits for ever."""
    answer: Future[object] = Future()

    def run() -> None:
        try:
            answer.set_result(tell())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer


def test_nothing_is_told_while_the_quorum_is_away_not_even_what_was_said_before() -> None:
    """Whatever is read then may be lost with this machine, unless a later write is with the quorum."""
    with clusters.own() as cluster, cluster.database() as url, psycopg.connect(url, autocommit=True) as watch:
        stores = [opened(url) for _ in range(2)]
        notary = attestor(stores[0])
        first = notary.commit([item("a", ref(1))])
        assert attestor(stores[1]).lookup([ref(1)]) == list(first[0]), "its connections are there before"
        watch.execute("alter system set synchronous_standby_names = 'nobody'")
        watch.execute("select pg_reload_conf()")
        tells: list[Callable[[], object]] = [
            lambda: encoded(notary.commit([item("a", ref(1)), item("b", ref(1))])),
            lambda: [attestor(stores[1]).lookup([ref(1)])[0]],
        ]
        told = [begun(tells[0])]
        while not waits_for_the_quorum(watch):
            assert not told[0].done()
        told.append(begun(tells[1]))
        while watch.execute(
            "select count(*) from pg_stat_activity where wait_event in ('SyncRep', 'advisory')"
        ).fetchone() != (2,):
            assert not told[1].done()
        assert not any(answer.done() for answer in told)
        watch.execute("alter system reset synchronous_standby_names")
        watch.execute("select pg_reload_conf()")
        assert told[0].result(60) == encoded(first) * 2
        assert told[1].result(60) == list(first[0])
        for store in stores:
            store.close()
