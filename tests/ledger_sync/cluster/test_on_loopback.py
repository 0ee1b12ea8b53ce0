"""The rules of a commit, against PostgreSQL, Patroni and etcd themselves (./test --all)."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from ledger_sync import cluster
from ledger_sync.cluster import ClusterError, State, Trouble
from ledger_sync.database.store import StoreError
from ledger_sync.notary import Attestor, CommitItem
from tests.ledger_sync.notary.backends import attestor, item, opened, ref
from tests.sampling import everything
from tests.support.cluster import Hurt, own_cluster
from wallet.protocol.transfer import TokenRef

pytestmark = pytest.mark.skipif(not everything(), reason="a cluster takes a minute to start; ./test --all")

Db = psycopg.Connection[Any]

TABLES: Final = """
create table if not exists consumed (ref int primary key, winner text not null);
"""
CANCELLED: Final = "canceling wait for synchronous replication due to user request"


@pytest.fixture(scope="module")
def made() -> Iterator[Hurt]:
    with own_cluster() as hurt:
        with hurt.connect() as db:
            db.execute(TABLES)
        yield hurt


@pytest.fixture
def hurt(made: Hurt) -> Hurt:
    made.whole()
    with made.connect() as db:
        db.execute("truncate consumed")
    return made


@contextmanager
def nobody_follows(hurt: Hurt) -> Iterator[None]:
    """Both others hang: the leader goes on alone, and gets no word from them."""
    for name in hurt.others():
        cluster.pause(hurt.folder, name)
    yield
    hurt.whole()


def warned(db: Db) -> list[str]:
    """What the server warns of from now on."""
    heard: list[str] = []
    db.add_notice_handler(lambda said: heard.append(said.message_primary or ""))
    return heard


def refs(db: Db) -> list[int]:
    return [ref for (ref,) in db.execute("select ref from consumed order by ref")]


def await_waiting(beside: Db, backend: int) -> None:
    """Until a backend waits for the quorum; the server does the sleeping."""
    looks = "select pg_sleep(0.05), (select wait_event from pg_stat_activity where pid = %s)"
    while (row := beside.execute(looks, [backend]).fetchone()) is not None and row[1] != "SyncRep":
        pass


def test_again_is_success_and_changes_nothing(hurt: Hurt) -> None:
    before = {one.name: one.pid for one in cluster.status(hurt.folder)}
    assert hurt.whole() == cluster.urls(hurt.folder)
    assert {one.name: one.pid for one in cluster.status(hurt.folder)} == before
    with pytest.raises(ClusterError) as caught:
        cluster.kill(hurt.folder, "nobody")
    assert caught.value.trouble is Trouble.NAME


def test_a_group_has_as_many_databases_as_are_asked_for_and_again_is_the_same(hurt: Hurt) -> None:
    url = cluster.database(hurt.folder, "further")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("create table if not exists own (one int)")
    assert cluster.database(hurt.folder, "further") == url != hurt.url
    with hurt.connect() as db:
        assert db.execute("select to_regclass('own')").fetchone() == (None,)
    with pytest.raises(ClusterError) as caught:
        cluster.database(hurt.folder, "further", group="z")
    assert caught.value.trouble is Trouble.NAME


def test_a_wait_for_the_quorum_that_is_cancelled_is_answered_with_success_and_a_warning_and_the_row_is_there(
    hurt: Hurt,
) -> None:
    with (
        nobody_follows(hurt),
        hurt.connect() as db,
        hurt.connect() as beside,
        ThreadPoolExecutor(1) as thread,
    ):
        warnings = warned(db)
        answer = thread.submit(db.execute, "insert into consumed values (1, 'x')")
        await_waiting(beside, db.info.backend_pid)
        beside.execute("select pg_cancel_backend(%s)", [db.info.backend_pid])
        assert answer.result().statusmessage == "INSERT 0 1"
        assert warnings == [CANCELLED]
        assert refs(beside) == [1]


def test_a_connection_that_is_ended_in_its_wait_is_lost_and_the_row_is_there(hurt: Hurt) -> None:
    with (
        nobody_follows(hurt),
        hurt.connect() as db,
        hurt.connect() as beside,
        ThreadPoolExecutor(1) as thread,
    ):
        answer = thread.submit(db.execute, "insert into consumed values (1, 'x')")
        await_waiting(beside, db.info.backend_pid)
        beside.execute("select pg_terminate_backend(%s)", [db.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            answer.result()
        assert refs(beside) == [1]


def test_a_commit_that_waits_is_seen_by_nobody_and_ends_once_another_is_back(hurt: Hurt) -> None:
    with hurt.connect() as db, hurt.connect() as beside, ThreadPoolExecutor(1) as thread:
        with nobody_follows(hurt):
            warnings = warned(db)
            answer = thread.submit(db.execute, "insert into consumed values (1, 'x')")
            await_waiting(beside, db.info.backend_pid)
            assert refs(beside) == []
            assert not answer.done()
        assert answer.result().statusmessage == "INSERT 0 1"
        assert warnings == []
        assert refs(beside) == [1]


def test_what_waited_on_a_killed_leader_is_seen_after_its_restart_though_nobody_else_has_it(
    hurt: Hurt,
) -> None:
    """So whatever is read first must not be believed before a row of one's own has got through (the fence)."""
    leader, others = hurt.leader(), hurt.others()
    with hurt.connect() as db, hurt.connect() as beside, ThreadPoolExecutor(1) as thread:
        for name in others:
            hurt.kill(name)
        answer = thread.submit(db.execute, "insert into consumed values (1, 'x')")
        await_waiting(beside, db.info.backend_pid)
        asked = "select pg_sleep(0.05), current_setting('synchronous_standby_names')"
        while beside.execute(asked).fetchall()[0][1] != "ANY 1 (*)":
            pass
        hurt.kill(leader)
        with pytest.raises(psycopg.OperationalError):
            answer.result()
    cluster.rejoin(hurt.folder, leader)
    assert hurt.next_leader("") == leader
    with hurt.connect() as db, hurt.connect() as beside, ThreadPoolExecutor(1) as thread:
        assert refs(db) == [1]
        warnings = warned(db)
        fence = thread.submit(db.execute, "select pg_logical_emit_message(true, 'qalta', 'fence')")
        await_waiting(beside, db.info.backend_pid)
        assert not fence.done()
        hurt.whole()
        fence.result()
        assert warnings == []


def test_a_leader_that_lost_both_and_starts_again_acknowledges_nothing(hurt: Hurt) -> None:
    """Patroni alone would let it: findings/patroni_strict_quorum_lets_a_restarted_lone_leader_acknowledge_alone.sh."""
    leader = hurt.leader()
    for name in hurt.others():
        hurt.kill(name)
    with hurt.connect() as beside:
        asked = "select pg_sleep(0.05), current_setting('synchronous_standby_names')"
        while beside.execute(asked).fetchall()[0][1] != "ANY 1 (*)":
            pass
    hurt.kill(leader)
    cluster.rejoin(hurt.folder, leader)
    assert hurt.next_leader("") == leader
    with hurt.connect() as db, hurt.connect() as beside, ThreadPoolExecutor(1) as thread:
        warnings = warned(db)
        answer = thread.submit(db.execute, "insert into consumed values (1, 'x')")
        await_waiting(beside, db.info.backend_pid)
        assert not answer.done()
        hurt.whole()
        assert answer.result().statusmessage == "INSERT 0 1"
        assert warnings == []


@dataclass(slots=True)
class Load:
    """Callers of a notary that consume references, many of them the same ones, and keep what they were told."""

    url: str
    told: dict[TokenRef, set[bytes]] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    repeats: int = 0
    _callers: list[Future[None]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self, callers: int) -> Iterator[None]:
        with ThreadPoolExecutor(callers) as threads:
            self._callers = [threads.submit(self._call, number) for number in range(callers)]
            try:
                yield
            finally:
                self._over.set()
            for caller in self._callers:
                caller.result()

    def until_answered(self, more: int) -> None:
        wanted = len(self.answers) + more
        while len(self.answers) < wanted:
            for caller in self._callers:
                assert not caller.done(), caller.result()
            threading.Event().wait(0.05)

    def _call(self, number: int) -> None:
        """One notary's process, which is opened anew where it cannot even be opened."""
        chance = random.Random(number)
        while not self._over.is_set():
            try:
                store = opened(self.url)
            except StoreError:
                self._over.wait(0.1)
                continue
            with closing(store):
                notary = attestor(store)
                while not self._over.is_set():
                    turn = len(self.answers)
                    wanted = [ref(place) for place in chance.sample(range(turn, turn + 30), 5)]
                    self._until_told(notary, [item(f"{number} {turn}", *wanted)])

    def _until_told(self, notary: Attestor, batch: list[CommitItem]) -> None:
        """The same again until the answer is known."""
        while not self._over.is_set():
            try:
                (verdicts,) = notary.commit(batch)
            except StoreError:
                with self._lock:
                    self.repeats += 1
                self._over.wait(0.1)
                continue
            with self._lock:
                self.answers.append(time.monotonic())
                for statement in verdicts:
                    for token in statement.body.refs:
                        self.told.setdefault(token, set()).add(statement.encode())
            return


@pytest.mark.parametrize("how", ["kill", "pause", "machine"])
def test_a_leader_that_goes_under_load_takes_nothing_with_it_that_the_notary_said(
    hurt: Hurt, how: str
) -> None:
    load, leader = Load(hurt.url), hurt.leader()
    with load.running(4):
        load.until_answered(50)
        if how == "kill":
            hurt.kill(leader)
        elif how == "pause":
            cluster.pause(hurt.folder, leader)
        else:
            hurt.kill(hurt.nodes()[leader].machine)
        hurt.next_leader(leader)
        load.until_answered(50)
        hurt.whole()
        load.until_answered(50)
    with closing(opened(hurt.url)) as store:
        kept = {token: claim.statement for token, claim in store.winners(list(load.told)).items()}
    stands = {token: {said.encode()} for token, said in kept.items() if said is not None}
    assert {token: said for token, said in load.told.items() if said != stands.get(token)} == {}
    stall = max(after - before for before, after in itertools.pairwise(load.answers))
    print(
        f"\n{how}: {len(load.answers)} answers, {load.repeats} not known and asked again, {len(load.told)} references,"
        f" none lost, none with two winners; no answer for {stall:.1f} s"
    )


def test_a_store_without_a_quorum_leaves_nobody_who_leads(hurt: Hurt) -> None:
    for name in ("etcd1", "etcd2"):
        hurt.kill(name)
    while any(one.state is State.LEADER for one in hurt.nodes().values()):
        threading.Event().wait(0.2)
    with pytest.raises(psycopg.OperationalError):
        hurt.connect()
    hurt.whole()
    with hurt.connect() as db:
        db.execute("insert into consumed values (1, 'x')")


def test_stopped_nothing_of_it_runs_and_started_again_it_is_the_same(hurt: Hurt) -> None:
    with hurt.connect() as db:
        db.execute("insert into consumed values (1, 'x')")
    cluster.stop(hurt.folder)
    assert running_in(hurt.folder) == []
    assert {one.state for one in cluster.status(hurt.folder)} == {State.STOPPED}
    cluster.stop(hurt.folder)
    hurt.whole()
    with hurt.connect() as db:
        assert refs(db) == [1]


def running_in(folder: Path) -> list[str]:
    """The programs of all processes that work in a folder or have it among their words."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            where = (entry / "cwd").readlink()
        except OSError:
            continue
        is_janitor = b"tests.support.cluster" in words
        if not is_janitor and (str(folder).encode() in words or where.is_relative_to(folder)):
            found.append(words.decode(errors="replace"))
    return found
