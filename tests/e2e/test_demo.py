"""`qalta demo` as a program and as a person meet it: one performance, everything that it says checked from outside."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.cli.commands.evidence import read_evidence
from tests.sampling import everything
from tests.support.cli import ROOT, Cli, Done
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import Evidence, check_evidence
from wallet.protocol.validity import verify
from wallet.session import messages
from wallet.transport.qr import FrameReceiver, Outcome
from wallet.transport.qr.reader import best_reader, read_pictures

COLUMNS = 80
FIRST_HOP, FURTHER_HOP, ALL_HOPS = 620, 400, 6_200
"""Bytes, by the design."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def played(home: Path) -> Done:
    return Cli(home).run("demo", "--json", "--seed", "5", "--keep", str(home), pin=None)


@pytest.fixture(scope="module")
def told(played: Done) -> dict[str, Any]:
    assert played.status == 0, played.err
    assert played.out.count("\n") == 1
    return played.json


def on_terminal(*argv: str) -> tuple[int, str]:
    """A command on a terminal of 80 columns, with NO_COLOR: its status and all that it shows."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", "NO_COLOR": "1"}
    environment |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", *argv],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65_536):
            shown += part
    except OSError:
        """Linux says EIO when the last process has left a terminal."""
    os.close(master)
    return process.wait(60), shown.decode().replace("\r\n", "\n")


def check_plain(text: str) -> None:
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []


def test_money_goes_through_fifteen_hops_within_the_budgets(told: dict[str, Any]) -> None:
    hops = told["hops"]
    assert [hop["hop"] for hop in hops] == list(range(1, MAX_HOP + 1))
    assert all(set(hop) == {"hop", "bytes", "frames"} and hop["frames"] >= 1 for hop in hops)
    sizes = [hop["bytes"] for hop in hops]
    assert sizes[0] <= FIRST_HOP
    assert all(0 < after - before <= FURTHER_HOP for before, after in pairwise(sizes))
    assert sizes[-1] <= ALL_HOPS
    assert told["refused"] == {"hop": MAX_HOP + 1, "code": "hops_used_up"}


def test_a_payment_by_tap_is_torn_once_and_counted_once(told: dict[str, Any], home: Path) -> None:
    tap = told["tap"]
    assert set(tap) == {"payer", "payee", "amount", "bytes", "taps", "milliseconds", "by"}
    assert tap["by"] == "nfc over udp"
    assert tap["taps"] >= 2
    assert 0 < tap["bytes"] <= FIRST_HOP
    assert tap["milliseconds"] > 0
    received = [event for event in history(home, "tea") if event["amount"] == tap["amount"]]
    paid = [event for event in history(home, "aigerim") if event["amount"] == tap["amount"]]
    assert [event["kind"] for event in received] == ["received"]
    assert [(event["kind"], event["state"]) for event in paid] == [("paid", "settled")], "all have reconciled"


def history(home: Path, wallet: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = Cli(home).wallet(wallet, "history")["events"]
    return events


def test_the_books_add_up(told: dict[str, Any]) -> None:
    ledger = told["ledger"]
    assert set(ledger) == {"issued", "redeemed", "positions", "accounts", "outstanding"}
    assert all(type(amount) is int and amount >= 0 for amount in ledger.values())
    assert ledger["issued"] - ledger["redeemed"] == ledger["positions"] + ledger["outstanding"]
    assert ledger["accounts"] == ledger["positions"]
    assert ledger["outstanding"] > 0


def test_the_cheat_is_named_and_nobody_else_and_gossip_stops_it(told: dict[str, Any]) -> None:
    conflict, gossip = told["conflict"], told["gossip"]
    assert conflict["code"] == "conflict"
    assert conflict["honest"]
    assert conflict["culprit"] not in conflict["honest"]
    assert gossip["code"] == "revoked_conflict"
    assert gossip["refused_by"] not in {conflict["culprit"], *conflict["honest"]}


def test_progress_goes_to_stderr_in_plain_text(played: Done, told: dict[str, Any]) -> None:
    assert told
    assert played.err
    check_plain(played.err)


def test_what_the_pictures_show_is_what_was_counted(home: Path, told: dict[str, Any]) -> None:
    (evidence, *_) = sorted((home / "evidence").glob("*.evidence"))
    root = bytes.fromhex((home / "evidence" / "root.hex").read_text("ascii"))
    directory = Directory.open(read_evidence(evidence)[0], root)
    for hop in (told["hops"][0], told["hops"][-1]):
        raw = read_message(home / "pictures" / f"hop-{hop['hop']:02}" / "payment")
        assert len(raw) == hop["bytes"]
        assert {token.hop for token in verify(raw, directory).received} == {hop["hop"]}


def read_message(folder: Path) -> bytes:
    receiver = FrameReceiver()
    for text in read_pictures([folder], best_reader()):
        if receiver.add(text).outcome is Outcome.COMPLETE:
            break
    assert receiver.message is not None
    message = messages.decode(receiver.message)
    assert isinstance(message, messages.PaymentMessage)
    return message.raw


def test_the_evidence_stands_by_itself(home: Path, told: dict[str, Any]) -> None:
    root = bytes.fromhex((home / "evidence" / "root.hex").read_text("ascii"))
    files = sorted((home / "evidence").glob("*.evidence"))
    assert files
    for file in files:
        directory, evidence = read_evidence(file)
        assert isinstance(evidence, Evidence)
        culprit = check_evidence(evidence, Directory.open(directory, root))
        assert culprit.key.hex() == told["conflict"]["key"]


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("wallet", "list"), 0),
        (("sandbox", "status"), 0),
        (("--wallet", "nobody", "balance"), 1),
        (("demo", "--help"), 0),
    ],
)
def test_a_terminal_without_color_gets_plain_text_in_80_columns(
    home: Path, told: dict[str, Any], argv: tuple[str, ...], status: int
) -> None:
    assert told
    ended, shown = on_terminal("--home", str(home), *argv)
    assert ended == status, shown
    assert shown.strip()
    check_plain(shown)


if everything():

    def test_a_person_without_color_sees_plain_text_in_80_columns(tmp_path: Path) -> None:
        ended, shown = on_terminal("--home", str(tmp_path), "demo")
        assert ended == 0, shown
        check_plain(shown)
        assert shown.count("\n") > 40
        assert "₸" in shown
