"""A bank that trickles for ever, in the place of a real one: the other bank, its customers and their wallets go on.

The real services and the real command line; the slow bank is a process that never ends an answer. Nothing is measured:
a command that comes back has come back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger_sync import sandbox
from tests.e2e.running_network import OTHER, PAYER, SHOP, RunningNetwork
from tests.sampling import everything
from tests.support.cli import PIN, ROOT
from tests.support.slow import Slow

FRIDA = "frida"
"""Somebody else at the payer's bank."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    stage = RunningNetwork(tmp_path_factory.mktemp("slow"))
    stage.cli.must("wallet", "new", FRIDA, "--bank", "alatau", "--opening", "40000")
    stage.cli.wallet(FRIDA, "fund", "1000")
    yield stage
    stage.close()


@contextmanager
def slow_in_place_of(stage: RunningNetwork, bank: str, manner: str) -> Iterator[None]:
    port = sandbox.read_network(stage.sandbox).station(bank).port
    sandbox.kill(stage.sandbox, bank)
    try:
        with Slow(manner, port):
            yield
    finally:
        stage.revive()


def pay(stage: RunningNetwork, payee: str, amount: str) -> None:
    """From the payer, and received by the payee; nobody is online."""
    at = stage.scene()
    stage.cli.wallet(payee, "request", amount, "--out", at("request.png"))
    stage.cli.wallet(PAYER, "pay", at("request.png"), "--out", at("payment"), "--yes")
    stage.cli.wallet(payee, "receive", at("payment"), "--out", at("receipt.png"))


def test_one_slow_bank_and_a_cheat_stop_nobody_at_another(stage: RunningNetwork) -> None:
    """The payer's second payment lost to one that the slow bank committed: its bank has to fetch that one, and to pass
    everything on, from and to the slow bank."""
    before = stage.copy(PAYER)
    pay(stage, SHOP, "120")
    stage.cli.wallet(SHOP, "sync")
    stage.put_back(PAYER, before)
    pay(stage, OTHER, "130")
    with slow_in_place_of(stage, "zhibek", "body"):
        for _ in range(3):
            done = stage.cli.run("--json", "--wallet", PAYER, "sync")
            assert done.status in (0, 1), (done.out, done.err)
            assert stage.cli.wallet(FRIDA, "fund", "100")["funded"] == 10_000
            assert stage.cli.wallet(FRIDA, "sync")["waiting"] == 0
            assert stage.cli.wallet(FRIDA, "defund", "50")["defunded"] == 5_000
    for name in (PAYER, SHOP, OTHER, FRIDA):
        stage.cli.run("--wallet", name, "sync")
    assert stage.books_agree()


def test_a_command_that_waits_for_its_slow_bank_ends_with_ctrl_c(stage: RunningNetwork) -> None:
    with slow_in_place_of(stage, "alatau", "body"):
        process = _begun(stage, FRIDA, "sync")
        while not _is_calling(process.pid):
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
        assert process.returncode == 4
        assert "interrupted" in told.lower()
    assert stage.cli.wallet(FRIDA, "sync")["waiting"] == 0


@pytest.mark.skipif(not everything(), reason="a minute: the whole deadline of a wallet's call")
@pytest.mark.parametrize("manner", ["body", "header"])
def test_a_command_ends_by_itself_though_its_bank_never_ends_an_answer(
    stage: RunningNetwork, manner: str
) -> None:
    with slow_in_place_of(stage, "alatau", manner):
        done = stage.cli.run("--json", "--wallet", FRIDA, "sync")
        assert done.status == 3
        assert done.json["refused"] == "unreachable"


def _begun(stage: RunningNetwork, name: str, *argv: str) -> subprocess.Popen[str]:
    reading, writing = os.pipe()
    os.write(writing, PIN.encode() + b"\n")
    os.close(writing)
    command = [sys.executable, "-m", "app.cli.main", "--home", str(stage.cli.home), "--wallet", name]
    try:
        return subprocess.Popen(
            [*command, "--pin-fd", str(reading), *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(reading,),
            env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en"},
        )
    finally:
        os.close(reading)


def _is_calling(pid: int) -> bool:
    """Whether the process has a line to somebody."""
    links = Path(f"/proc/{pid}/fd").glob("*")
    try:
        return any(str(link.readlink()).startswith("socket:") for link in links)
    except OSError:
        return False
