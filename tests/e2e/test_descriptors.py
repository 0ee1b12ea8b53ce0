"""Descriptors run out for a while: in a bank's process, and in the process that holds a wallet open. What is said
meanwhile is true, the log stays small, and afterwards everything goes on without a restart."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger_sync import sandbox
from tests.sampling import everything
from tests.support.cli import PIN, ROOT, Cli

WALLET = "dana"
LOG_BYTES = 200_000
"""What a bank may write in the worst moment; it was 3 MB a second."""
ROUNDS = 400 if everything() else 80


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    cli = Cli(tmp_path_factory.mktemp("descriptors"))
    cli.must("sandbox", "start")
    cli.must("wallet", "new", WALLET, "--opening", "40000")
    yield cli
    sandbox.stop(cli.home / "sandbox")


@contextlib.contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """Nothing more can be opened in that process."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def station_of(cli: Cli) -> sandbox.Status:
    (found,) = (status for status in sandbox.status(cli.home / "sandbox") if status.station.name == "alatau")
    return found


def test_a_bank_without_descriptors_says_so_and_goes_on_when_it_has_some_again(cli: Cli) -> None:
    bank = station_of(cli)
    assert bank.state is sandbox.State.READY
    assert bank.pid is not None
    log = cli.home / "sandbox" / "alatau" / "log"
    before = log.stat().st_size
    url = httpx.URL(bank.station.url)
    address = (url.host, url.port or 80)
    with (
        httpx.Client(base_url=bank.station.url, trust_env=False) as line,
        contextlib.ExitStack() as strangers,
    ):
        assert line.get("/readyz").status_code == 200
        with without_descriptors(bank.pid):
            for _ in range(50):
                strangers.enter_context(socket.create_connection(address))
            answers = [line.get("/readyz") for _ in range(ROUNDS)]
            assert answers[-1].status_code == 503
            assert answers[-1].json() == {"status": "failing", "cause": "files_exhausted"}
            assert station_of(cli).state is sandbox.State.FAILING
            said = cli.must("sandbox", "status")["services"]
            assert {item["name"] for item in said if item["state"] == "failing"} == {"alatau"}
            assert log.stat().st_size - before < LOG_BYTES
    assert station_of(cli).state is sandbox.State.READY
    assert cli.wallet(WALLET, "fund", "100")
    cli.must("wallet", "new", "late", "--bank", "alatau")
    assert station_of(cli).pid == bank.pid


def test_a_wallet_that_stays_open_goes_on_when_it_has_descriptors_again(cli: Cli, tmp_path: Path) -> None:
    with agent(cli) as process:
        assert ask(process, "request", "5", "--out", str(tmp_path / "before"))["status"] == 0
        with without_descriptors(process.pid):
            for argv in (("request", "5", "--out", str(tmp_path / "during")), ("fund", "10")):
                said = ask(process, *argv)
                assert (said["status"], said["result"]["refused"]) == (3, "files_exhausted"), said
        for argv in (("request", "5", "--out", str(tmp_path / "after")), ("fund", "10"), ("sync",)):  # type: ignore[assignment]
            assert ask(process, *argv)["status"] == 0, argv


@contextlib.contextmanager
def agent(cli: Cli) -> Iterator[subprocess.Popen[bytes]]:
    reading, writing = os.pipe()
    os.write(writing, PIN.encode() + b"\n")
    os.close(writing)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "app.cli.main", "--home", str(cli.home), "--wallet", WALLET),
            *("--pin-fd", str(reading), "agent"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(reading,),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(reading)
    assert process.stdout is not None
    assert process.stdin is not None
    assert json.loads(process.stdout.readline())["status"] == 0
    try:
        yield process
    finally:
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()


def ask(process: subprocess.Popen[bytes], *argv: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"argv": argv}).encode() + b"\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found
