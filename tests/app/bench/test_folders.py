"""What a measurement starts ends with it: after its block, after a SIGKILL, and where something does not want to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.bench.folders import guarded, own_folder
from app.bench.janitor import end_all, processes_of
from app.bench.ledger_postgres import is_here
from tests.sampling import everything, sampled
from tests.support.cli import ROOT
from tests.support.eventually import eventually

SLEEPS = "import signal, sys; print('here', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS


def started(folder: Path, *program: str) -> subprocess.Popen[str]:
    """A program that names a file in the folder, in a session of its own, once it says that it is here."""
    process = subprocess.Popen(
        [*program, str(folder / "file")], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_after_the_block_nothing_of_it_runs_and_the_folder_is_gone(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        process = started(folder, sys.executable, "-c", SLEEPS)
        assert processes_of(folder) == [process.pid]
    assert process.wait(0) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_only_guarded_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with guarded(tmp_path):
        process = started(tmp_path, sys.executable, "-c", SLEEPS)
    assert process.wait(0) == -signal.SIGTERM
    assert (tmp_path / "file").read_text() == "here"


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path, sys.executable, "-c", DEAF)
    end_all(tmp_path, seconds=0)
    assert process.wait() == -signal.SIGKILL


def test_what_is_not_of_the_measurement_goes_on(tmp_path: Path) -> None:
    """Somebody who reads a log; and a folder whose name begins alike."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_text("a line\n")
    reader = started(tmp_path / "one", "tail", "-f")
    other = started(tmp_path / "one-more", sys.executable, "-c", SLEEPS)
    end_all(tmp_path / "one")
    assert [reader.poll(), other.poll()] == [None, None]
    for process in (reader, other):
        process.kill()
        process.wait()


@contextmanager
def measuring(code: str, temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that measures, once it has told its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()


SERVING = """
import subprocess, sys
from app.bench.folders import own_folder
with own_folder() as folder:
    command = [sys.executable, "-c", "import signal; signal.pause()", str(folder / "home")]
    subprocess.Popen(command, start_new_session=True)
    print(folder, flush=True)
    sys.stdin.read()
"""
POSTGRES = """
import sys
from app.bench.ledger_postgres import private_postgres
with private_postgres() as server:
    server.fresh("one")
    print(server.folder, flush=True)
    sys.stdin.read()
"""
CLUSTER = """
import sys
from app.bench.ledger_cluster import private_cluster
from app.catalogue import catalogue
from app.terminal.show import Show
with private_cluster(Show(catalogue("en"), as_json=True, quiet=True)) as nodes:
    nodes.fresh("one")
    print(nodes.folder, flush=True)
    sys.stdin.read()
"""
PARTS = [
    pytest.param(SERVING, 1, id="service"),
    pytest.param(
        POSTGRES, 1, id="postgres", marks=pytest.mark.skipif(not is_here(), reason="no PostgreSQL here")
    ),
    pytest.param(
        CLUSTER,
        6,
        id="cluster",
        marks=pytest.mark.skipif(not everything(), reason="a cluster takes a minute to start; ./test --all"),
    ),
]


@pytest.mark.parametrize(("code", "least"), PARTS)
def test_a_measurer_that_is_killed_leaves_nothing(code: str, least: int, tmp_path: Path) -> None:
    with measuring(code, tmp_path) as (process, folder):
        eventually(lambda: len(processes_of(folder)) >= least, bool)  # they have no names at once
        process.kill()
        eventually(folder.exists, lambda there: not there)
        assert processes_of(folder) == []


ENDINGS = sampled("how a bench ends", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL], 1)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_bench_whose_services_run_leaves_none_however_it_ends(
    ending: signal.Signals, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "app.cli.main",
        "--json",
        "--home",
        str(tmp_path / "home"),
        "bench",
        "reconcile",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    bench = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )

    def folders() -> list[Path]:
        return list(tmp_path.glob("qalta-bench-*"))

    eventually(lambda: [len(processes_of(folder)) for folder in folders()], lambda found: found == [4])
    (folder,) = folders()
    bench.send_signal(ending)
    assert bench.wait() == (-signal.SIGKILL if ending is signal.SIGKILL else 4)
    eventually(folders, lambda there: not there)
    assert processes_of(folder) == []
