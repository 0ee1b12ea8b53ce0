"""Two windows on two wallets, as `qalta app --pair` opens them: each one's camera is the other's screen. Driven by
touches and keys; offline; by code, by tap, killed in the middle; then reconciled with the sandbox's services."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.catalogue.written import written_amount
from app.cli.demo.actors import PIN
from app.cli.windows.pair import SEATS, pair_stage
from app.cli.windows.window import Wanted
from tests.app.window.remote import RemoteWindow

PAYER, PAYEE = (seat.wallet for seat in SEATS)


class Table:
    """Where the two windows stand."""

    def __init__(self, folder: Path, radio: str) -> None:
        self.folder, self.radio = folder, radio

    def open(self, wallet: str) -> RemoteWindow:
        """A window, unlocked and at home."""
        other = PAYEE if wallet == PAYER else PAYER
        line = self.folder / f"{wallet}.socket"
        line.unlink(missing_ok=True)
        wanted = Wanted(
            self.folder / "home",
            wallet,
            language="en",
            camera=f"window:{self.folder / other}.pixels",
            reader=self.radio,
            publish=self.folder / f"{wallet}.pixels",
            is_developer=True,
        )
        environment = {**os.environ, "SDL_VIDEODRIVER": "offscreen", "QALTA_APP_DRIVER": str(line)}
        window = RemoteWindow([sys.executable, "-m", "app.window", *wanted.arguments()], line, environment)
        window.wait("pin-ask")
        window.keys(PIN)
        window.touch("pin-confirm")
        window.wait("home-spendable", "₸")
        return window


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    folder = tmp_path_factory.mktemp("table")
    with pair_stage(folder / "home"):
        yield Table(folder, "udp:127.0.0.1:54017")


@pytest.fixture(scope="module")
def windows(table: Table) -> Iterator[tuple[RemoteWindow, RemoteWindow]]:
    with table.open(PAYER) as payer, table.open(PAYEE) as payee:
        for window in (payer, payee):
            window.touch("home-network")
            window.wait("home-network", "Offline")
        yield payer, payee
    assert payee.process.returncode == 0, "SIGTERM closes a window cleanly"


def ask(payee: RemoteWindow, amount: str) -> None:
    payee.touch("home-receive")
    payee.wait("receive-typed")
    payee.keys(amount)
    payee.touch("receive-ask")


def confirm(payer: RemoteWindow) -> None:
    payer.wait("pay-accept")
    payer.touch("pay-accept")
    payer.wait("pin-confirm")
    payer.keys(PIN)
    payer.touch("pin-confirm")


def home_again(payer: RemoteWindow, payee: RemoteWindow) -> None:
    payer.touch("pay-end")
    payee.touch("receive-done")


def test_paying_by_code_offline(windows: tuple[RemoteWindow, RemoteWindow]) -> None:
    payer, payee = windows
    before = payer.text("home-spendable"), payee.text("home-spendable")
    ask(payee, "1250,50")
    payee.wait("code", "[1-9]")
    payer.touch("home-pay")
    assert payer.wait("pay-payee")["text"] == SEATS[1].holder
    assert payer.text("pay-amount") == written_amount(125_050)
    confirm(payer)
    assert payee.wait("ended", "Received")
    assert payee.text("ended-amount") == written_amount(125_050)
    assert payer.wait("ended", "Paid")
    home_again(payer, payee)
    for window, amount in zip(windows, before, strict=True):
        window.wait("home-spendable", "₸")
        assert window.text("home-spendable") != amount
    assert written_amount(125_050) in payee.wait("home-unsettled")["text"]


def test_paying_by_tap_with_the_network_switched_off(windows: tuple[RemoteWindow, RemoteWindow]) -> None:
    pytest.importorskip("nfc")
    payer, payee = windows
    ask(payee, "300")
    payee.touch("carrier")
    payee.wait("tap-step")
    payer.touch("home-pay")
    payer.touch("carrier")
    confirm(payer)
    assert payee.wait("ended", "Received")
    assert payer.wait("ended", "Paid")
    home_again(payer, payee)
    by_code_again(payer, payee)


def by_code_again(payer: RemoteWindow, payee: RemoteWindow) -> None:
    """Both go back to codes, and home."""
    payer.touch("home-pay")
    payer.touch("carrier")
    payer.wait("preview")
    ask(payee, "1")
    payee.touch("carrier")
    payee.wait("code")
    payer.do("key", key="escape")
    payee.touch("receive-cancel")
    payee.wait("receive-typed")
    payee.do("key", key="escape")


def test_a_window_that_is_killed_tells_the_truth_and_goes_on(
    table: Table, windows: tuple[RemoteWindow, RemoteWindow]
) -> None:
    """Killed while it shows a signed payment that the payee has not seen: the money is the payee's, and is shown
    again."""
    payer, payee = windows
    ask(payee, "500")
    payer.touch("home-pay")
    payer.wait("pay-accept")
    payee.touch("carrier")
    confirm(payer)
    payer.wait("code", "[1-9]")
    payer.process.send_signal(signal.SIGKILL)
    payer.process.wait()
    with table.open(PAYER) as again:
        unfinished = [item for item in again.do("list") if item["name"].startswith("home-go_on-")]
        assert len(unfinished) == 1
        assert written_amount(50_000) in again.text("home-signed")
        payee.touch("carrier")
        again.touch(unfinished[0]["name"])
        assert payee.wait("ended", "Received")
        assert again.wait("ended", "Paid")
        again.touch("pay-end")
    payee.touch("receive-done")


def test_then_it_is_reconciled(windows: tuple[RemoteWindow, RemoteWindow]) -> None:
    _, payee = windows
    payee.touch("home-network")
    payee.wait("home-network", "Online")
    payee.touch("home-reconcile")
    payee.touch("reconcile-start")
    payee.wait("ended", "Reconciled")
    assert int(payee.text("verdict-settled")) >= 2
    payee.touch("reconcile-done")
    payee.wait("home-spendable", "₸")
    payee.touch("place-history")
    payee.wait("place-history")
    assert len([item for item in payee.do("list") if item["kind"] == "TouchRow"]) >= 3
