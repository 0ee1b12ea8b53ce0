"""Processes that the starter forks are as those that Python starts: their own in everything but the imports."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger_sync import sandbox
from tests.support import stations
from tests.support.cli import run_anew, run_module
from tests.support.starter import READ_LATE, ROOT, starter

ITSELF = "tests.support.itself"
RUNS = {"forked": run_module, "anew": run_anew}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def look(*argv: str, extra: dict[str, str] | None = None, way: str = "forked") -> dict[str, Any]:
    done = RUNS[way]([ITSELF, "look"], {}, argv, extra or {})
    assert (done.status, done.err) == (0, "")
    return done.json


def test_both_ways_give_a_process_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forked, anew = (look("әріп", "\udcff", extra={"QALTA_SEED": "7"}, way=way) for way in ("forked", "anew"))
    same = ("argv", "environment", "folder", "interrupt", "main", "tasks")
    assert {name: forked[name] for name in same} == {name: anew[name] for name in same}
    assert forked["folder"] == str(tmp_path)
    assert forked["environment"]["QALTA_SEED"] == "7"


@pytest.mark.parametrize(
    ("how", "status"),
    [("exit", 3), ("kill", -signal.SIGKILL), ("interrupt", -signal.SIGINT), ("raise", 1), ("thread", 0)],
)
def test_both_ways_end_alike(how: str, status: int) -> None:
    forked, anew = (run([ITSELF], {}, [how], {}) for run in RUNS.values())
    assert forked.status == anew.status == status
    assert forked.out == anew.out
    assert forked.err.splitlines()[-1:] == anew.err.splitlines()[-1:]


def test_descriptors_are_those_that_were_given_under_their_numbers(tmp_path: Path) -> None:
    """Also where the starter has that number for something of its own, and where two change places."""
    numbers = (0, 1, 2, 3, 4, 5, 6, 40)
    with ExitStack() as held:
        files = [held.enter_context((tmp_path / str(number)).open("w")).fileno() for number in numbers]
        for number in (4, 5):
            os.write(files[numbers.index(number)], b"mine")
        started = starter().start(ITSELF, ["look"], environment(), dict(zip(numbers, files, strict=True)))
        assert started.wait() == 0
    found = json.loads((tmp_path / "1").read_text())["descriptors"]
    assert found == {str(number): str(tmp_path / str(number)) for number in numbers}


def test_nothing_is_shared_but_imports() -> None:
    one, two = look(), look()
    assert one["pid"] != two["pid"]
    assert one["drawn"][0] != two["drawn"][0]
    assert one["drawn"][1] != two["drawn"][1]
    assert one["tasks"] == 1
    assert "softhsm" not in one["maps"]
    assert "app.cli.running" in one["modules"]
    assert not {"app.cli.main", "hypothesis", "pytest", "numpy", "kivy"} & set(one["modules"])


def test_no_import_reads_what_commands_may_differ_in() -> None:
    """Whatever reads it early belongs behind a function. `wsgiref` copies all of it, for servers of its own."""
    code = (
        "import os, json, wsgiref.handlers\n"
        "kind, read = type(os.environ), []\n"
        "plain = kind.__getitem__\n"
        "kind.__getitem__ = lambda self, name: (read.append(name), plain(self, name))[1]\n"
        "from tests.support.starter import import_shared\n"
        "import_shared()\n"
        "import app.cli.main\n"
        "print(json.dumps(read))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    read = json.loads(done.stdout)
    assert read
    assert [name for name in read if name.startswith(READ_LATE)] == []


def test_another_environment_is_another_python() -> None:
    forked, anew = (look(extra=extra) for extra in ({"QALTA_SEED": "1"}, {"PYTHONHASHSEED": "1"}))
    assert forked["parent"] == starter().process.pid
    assert anew["parent"] == os.getpid()


def test_what_runs_at_once_is_told_apart() -> None:
    with open(os.devnull, "r+b") as nothing:
        quiet = dict.fromkeys((0, 1, 2), nothing.fileno())
        first, second, third = (
            starter().start(ITSELF, [how], environment(), quiet) for how in ("thread", "kill", "exit")
        )
    assert [one.wait() for one in (third, second, first)] == [3, -signal.SIGKILL, 0]


def test_services_are_forked_each_in_a_session_of_its_own(tmp_path: Path) -> None:
    stations.start(tmp_path / "sandbox")
    try:
        found = sandbox.status(tmp_path / "sandbox")
        assert [one.state for one in found] == [sandbox.State.READY] * 4
        for pid in (one.pid for one in found if one.pid is not None):
            assert os.getsid(pid) == pid
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            assert int(parent) == starter().process.pid
    finally:
        sandbox.stop(tmp_path / "sandbox")
    assert {one.state for one in sandbox.status(tmp_path / "sandbox")} == {sandbox.State.STOPPED}


@pytest.fixture
def orphaned() -> Iterator[int]:
    """The starter of somebody who was killed: watched, by a pidfd."""
    code = (
        "import os, signal, sys\n"
        "from tests.support.starter import starter\n"
        "print(starter().process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code]
    worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with worker:
        assert worker.stdout is not None
        watch = os.pidfd_open(int(worker.stdout.readline()))
        worker.kill()
    try:
        yield watch
    finally:
        os.close(watch)


def test_it_ends_with_whoever_started_it_also_when_that_is_killed(orphaned: int) -> None:
    ended, _, _ = select.select([orphaned], [], [], 60)
    assert ended
