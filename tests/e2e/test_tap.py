"""`qalta pay --nfc` and `receive --nfc` as two people run them: two processes, the radio simulated over UDP.

Rule: nobody waits by the clock; each step waits for what a process says or for its end.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.demo.field import Field
from ledger_sync import sandbox
from tests.support import stations
from tests.support.cli import PIN, ROOT, Cli, Done

DEVELOPER = {"QALTA_DEVELOPER": "1"}
LONG, SHORT = "60", "2"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Dana has money, Erlan has none, Bolat keeps a shop; the ledger is gone: all of this happens offline."""
    home = tmp_path_factory.mktemp("taps")
    cli = Cli(home)
    stations.start(home / "sandbox")
    try:
        cli.must("wallet", "new", "dana", "--opening", "30000")
        cli.must("wallet", "new", "erlan")
        cli.must("wallet", "new", "bolat", "--bank", "zhibek", "--merchant", "--holder", "Нан дүкені")
        cli.wallet("dana", "fund", "20000")
    finally:
        sandbox.stop(home / "sandbox")
    return cli


@pytest.fixture
def device() -> str:
    """A simulated device that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return f"udp:127.0.0.1:{free.getsockname()[1]}"


class Running:
    """A command that has begun, in JSON unless its words shall be read."""

    def __init__(
        self,
        cli: Cli,
        wallet: str,
        *argv: str,
        as_json: bool = True,
        failpoint: str = "",
        counts: Path | None = None,
    ) -> None:
        under = [] if counts is None else ["tests.support.counted", str(counts)]
        reading, writing = os.pipe()
        os.write(writing, PIN.encode() + b"\n")
        os.close(writing)
        command = [
            sys.executable,
            "-m",
            *under,
            "app.cli.main",
            "--home",
            str(cli.home),
            "--pin-fd",
            str(reading),
        ]
        self._process = subprocess.Popen(
            [*command, *(["--json"] if as_json else []), "--wallet", wallet, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(reading,),
            env=environment() | ({"QALTA_FAILPOINT": failpoint} if failpoint else {}),
        )
        os.close(reading)

    def says(self, words: str) -> None:
        """Wait until it has said so on stderr."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if words in line:
                return
        pytest.fail(f"it never said {words!r}: {self.end()}")

    def interrupt(self) -> Done:
        self._process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> Done:
        out, err = self._process.communicate(timeout=120)
        return Done(self._process.returncode, out, err)

    def must(self) -> dict[str, Any]:
        done = self.end()
        assert done.status == 0, (done.out, done.err)
        return done.json


def environment() -> dict[str, str]:
    return {**os.environ, **DEVELOPER, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", "NO_COLOR": "1"}


def pay(cli: Cli, device: str, *more: str, wallet: str = "dana", **how: Any) -> Running:
    return Running(cli, wallet, "pay", "--nfc", "--device", device, "--seconds", "60", *more, **how)


def receive(cli: Cli, device: str, *more: str, **how: Any) -> Running:
    return Running(cli, "bolat", "receive", "--nfc", "--device", device, "--seconds", "60", *more, **how)


@pytest.mark.parametrize("payer_is", ["card", "reader"])
def test_a_payment_by_tap_in_either_role(people: Cli, device: str, payer_is: str, tmp_path: Path) -> None:
    payee_is = "reader" if payer_is == "card" else "card"
    is_open = ("--open",) if payer_is == "reader" else ()
    counts = tmp_path / "counts"
    payee = receive(
        people, device, "--amount", "20" if is_open else "12,50", "--as", payee_is, *is_open, counts=counts
    )
    paid, got = pay(people, device, "--as", payer_is, "--amount", "12,50").must(), payee.must()
    assert (got["received"], got["hop"], got["repeat_of"]) == (1_250, 1, None)
    assert (paid["amount"], paid["acknowledged"]) == (1_250, paid["payment"])
    assert json.loads(counts.read_text()) == {"messages": 1, "parsed": 1, "verified": 1}
    assert got["bytes"] == paid["bytes"]
    assert got["taps"] >= 1
    assert paid["taps"] >= 1


def test_a_tap_torn_in_the_middle_goes_on_with_the_next(people: Cli) -> None:
    with Field(cut_at=2) as field:
        payee = receive(people, field.reader, "--amount", "1")
        paid, got = pay(people, field.card).must(), payee.must()
    assert field.cuts == 1
    assert got["taps"] >= 2
    assert paid["acknowledged"] == paid["payment"]
    assert (got["received"], got["repeat_of"]) == (100, None)


def test_whoever_is_left_alone_ends_with_4_and_goes_on_later(people: Cli, device: str) -> None:
    """The payer dies with a signed payment, then the payee with the money stored; both go on with the same one."""
    payee = receive(people, device, "--amount", "2")
    assert pay(people, device, failpoint="purse.shown.stored").end().status == -signal.SIGKILL
    payee.says("The link was lost")
    lost = payee.interrupt()
    assert lost.status == 4
    assert (lost.json["interrupted"], lost.json["taps"]) == ("link_lost", 1)
    request = lost.json["request"]
    assert request[:32] in lost.json["told"][2]
    stored = receive(people, device, "--request", request, failpoint="purse.receipt.stored")
    payer = pay(people, device, as_json=False)
    assert stored.end().status == -signal.SIGKILL
    payer.says("Connected")
    assert payer.interrupt().status == 4
    payee = receive(people, device, "--request", request[:32])
    paid, got = pay(people, device).must(), payee.must()
    assert (got["request"], got["received"], got["repeat_of"] is not None) == (request, 200, True)
    assert paid["acknowledged"] == paid["payment"]
    received = [event for event in people.wallet("bolat", "history")["events"] if event["amount"] == 200]
    assert [event["kind"] for event in received] == ["received"]


def test_asking_anew_for_what_was_signed_is_told_to_both(people: Cli, device: str) -> None:
    payee = receive(people, device, "--amount", "7")
    assert pay(people, device, failpoint="purse.shown.stored").end().status == -signal.SIGKILL
    payee.says("The link was lost")
    request = payee.interrupt().json["request"][:32]
    payee = receive(people, device, "--amount", "7", as_json=False)
    payee.says(f"--request {request}")
    payer = pay(people, device, as_json=False).end()
    assert payer.status == 0
    assert "it would be paid on top" in " ".join(payer.out.split())
    assert "Received 7" in payee.end().out


@pytest.mark.parametrize("role", ["card", "reader"])
def test_nobody_comes_is_status_4_and_so_is_ctrl_c(people: Cli, device: str, role: str) -> None:
    stopped = pay(people, device, "--as", role)
    alone = Running(
        people, "erlan", "pay", "--nfc", "--device", f"{device[:-2]}77", "--as", role, "--seconds", "1"
    )
    stopped.says("Ready")
    left = stopped.interrupt()
    assert (left.status, left.json["told"][0]) == (4, "Stopped before the payment was finished.")
    ended = alone.end()
    assert (ended.status, ended.json["taps"], ended.json["told"][0]) == (4, 0, "Nobody tapped.")


def test_other_wallets_in_between_are_told_and_the_right_one_goes_on(people: Cli, device: str) -> None:
    """One that has no money, before the payment is signed and after. What it lacks is nobody else's business."""
    payee = receive(people, device, "--amount", "3", as_json=False)
    short = pay(people, device, wallet="erlan").end()
    assert (short.status, short.json["refused"]) == (1, "funds_short")
    payee.says("One of the two sides declined")
    payer = pay(people, device, failpoint="purse.shown.stored").end()
    assert payer.status == -signal.SIGKILL
    stranger = pay(people, device, wallet="erlan")
    payee.says("One of the two sides declined")
    assert stranger.end().status == 1
    assert pay(people, device).must()["amount"] == 300
    assert "Received 3" in payee.end().out


def test_the_pin_is_asked_while_the_reader_waits(people: Cli, device: str) -> None:
    """On a terminal: once to open the wallet, and once after it was said who asks for what."""
    payee = receive(people, device, "--amount", "6")
    master, slave = pty.openpty()
    payer = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "app.cli.main",
            "--home",
            str(people.home),
            "--wallet",
            "dana",
            "pay",
            "--nfc",
        ],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=environment() | {"QALTA_NFC": device},
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(slave)
    opening = read_until(master, b"PIN of dana:")
    assert "asks for" not in opening
    os.write(master, PIN.encode() + b"\n")
    asked = read_until(master, b"PIN to pay:")
    assert "Нан дүкені (shop, zhibek) asks for 6" in asked
    payee.says("The other person decides")
    os.write(master, PIN.encode() + b"\n")
    assert "has the money" in read_until(master, b"has the money")
    assert payee.must()["received"] == 600
    assert payer.wait(60) == 0
    os.close(master)


def read_until(master: int, words: bytes) -> str:
    shown = b""
    while words not in shown:
        shown += os.read(master, 1_024)
    return shown.decode()


def test_a_device_that_goes_missing_is_status_3(people: Cli) -> None:
    done = people.run("--json", "--wallet", "dana", "pay", "--nfc", "--device", "usb:ffff:ffff")
    assert (done.status, done.json["error"]) == (3, "nfc.trouble_not_found")
