"""The tests' own PostgreSQL: private, unprivileged, and gone when those who used it are, however they went."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Cluster, own, shared, told
from tests.support.postgres_janitor import processes_in

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def harmed() -> Iterator[Cluster]:
    with own() as cluster:
        yield cluster


def test_two_databases_of_one_cluster_are_strangers(postgres: Cluster, postgres_url: str) -> None:
    with postgres.database() as other, psycopg.connect(postgres_url) as one, psycopg.connect(other) as two:
        one.execute("CREATE TABLE t (a int)")
        one.commit()
        row = two.execute("SELECT count(*) FROM pg_class WHERE relname = 't'").fetchone()
        assert row == (0,)


def test_a_database_that_was_lent_comes_back_empty_whoever_is_still_connected(postgres: Cluster) -> None:
    prepared = []

    def prepare(url: str) -> None:
        prepared.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE schema_version (version int)")
            connection.execute("INSERT INTO schema_version VALUES (7)")
            connection.execute("CREATE TABLE t (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int)")
            connection.execute("CREATE TABLE u (n int REFERENCES t)")

    for _ in range(2):
        with postgres.lent("test", prepare) as url:
            connection = psycopg.connect(url)
            assert connection.execute("SELECT version FROM schema_version").fetchall() == [(7,)]
            assert connection.execute("SELECT * FROM t, u").fetchall() == []
            assert connection.execute("INSERT INTO t (a) VALUES (5) RETURNING n").fetchall() == [(1,)]
            connection.execute("INSERT INTO u VALUES (1)")
            connection.commit()
            connection.execute("SELECT 1 FROM t FOR UPDATE")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()
    assert len(prepared) == 1


def test_it_is_nobodys_service_and_not_roots(postgres: Cluster) -> None:
    assert postgres.owners() == {postgres.folder.stat().st_uid}
    assert postgres.owners() != {0}
    assert postgres.folder.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_child_that_ends_while_it_is_asked_about_is_passed_over(
    harmed: Cluster,
) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    listed = [gone.pid, *processes_in(harmed.data)]
    assert set(told(listed, lambda of: of.stat().st_uid)) == harmed.owners()
    assert 0 < len(told(listed, lambda of: (of / "stat").read_text("utf-8"))) < len(listed)


def test_what_was_committed_outlives_a_kill_and_nothing_else_does(harmed: Cluster) -> None:
    with harmed.database() as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t (a int)")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.commit()
            connection.execute("INSERT INTO t VALUES (2)")
            harmed.kill()
            assert processes_in(harmed.data) == []
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        harmed.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_stopped_it_refuses_and_started_it_answers(harmed: Cluster) -> None:
    harmed.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(harmed.url())
    harmed.start()
    psycopg.connect(harmed.url()).close()


def test_paused_all_of_it_stands_still_and_connections_stay(harmed: Cluster) -> None:
    with psycopg.connect(harmed.url()) as connection:
        harmed.pause()
        assert harmed.states() == {"T"}
        harmed.resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert "T" not in harmed.states()


USER = """
import sys
from pathlib import Path
from tests.support.postgres import shared
with shared(Path(sys.argv[1])) as cluster:
    print(cluster.folder, flush=True)
    sys.stdin.read()
"""


def user_of(gate: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that uses the cluster of this folder, and where the cluster is."""
    command = [sys.executable, "-c", USER, str(gate)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def wait_until_gone(gate: Path) -> None:
    """Until the janitor has had the lock and given it back."""
    said = "?"
    while said:
        with open(gate / "qalta-postgres") as hold:
            fcntl.flock(hold, fcntl.LOCK_EX)
            said = hold.read()


def test_it_ends_with_its_last_user_though_that_is_killed_and_it_stands_still(tmp_path: Path) -> None:
    first, folder = user_of(tmp_path)
    second, same = user_of(tmp_path)
    with first, second:
        assert folder == same
        data = folder / "data"
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        assert processes_in(data)
        Cluster(folder, None).pause()
        os.killpg(second.pid, signal.SIGKILL)
    wait_until_gone(tmp_path)
    assert processes_in(data) == []
    assert not folder.exists()
    with shared(tmp_path) as another:
        assert another.folder != folder
        psycopg.connect(another.url()).close()
