"""A lost phone is reported in the window of another one: what lay on it is counted, and it is shut out."""

from __future__ import annotations

import os
from pathlib import Path

from app.catalogue import catalogue
from app.catalogue.written import written_amount
from app.launch.window import AppWindow, WindowSpec
from app.wallets.making import at_real_bank, make_wallet
from app.wallets.opened import close, system_clock
from app.wallets.places import Home
from ledger_sync import sandbox
from ledger_sync.sandbox.operator import Order
from tests.e2e.app.phone import Phone
from tests.e2e.app.table import UNSEEN
from tests.support import stations
from tests.support.cli import PIN, Cli
from wallet.protocol.codes import Refusal

FUNDED = 120_000


def test_the_phone_that_is_left_reports_the_other(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    stations.start(cli.home / "sandbox")
    phone = Phone(AppWindow(wanted(cli)), tmp_path / "line", UNSEEN)
    try:
        make_two(cli)
        phone.open(pin=PIN)
        phone.touch("home-risk", "risk-lost")
        assert written_amount(FUNDED) in phone.wait("lost-known", "₸")
        assert phone.wait("lost-back", r"\d{4}")
        phone.remote.do("picture", path=str(tmp_path / "lost.png"))
        phone.touch("lost-report")
        phone.type_pin("9999")
        phone.wait("trouble-what", catalogue("en").tell("pin_wrong").what)
        phone.type_pin(PIN)
        phone.wait("ended", catalogue("en").text("app_lost.done"))
        phone.touch("lost-done")
        phone.go_home()
        refused = cli.run("--json", "--wallet", "lost", "sync")
        assert (refused.status, refused.json["refused"]) == (1, "auth_forbidden")
    finally:
        phone.switch_off()
        sandbox.stop(cli.home / "sandbox")


def wanted(cli: Cli) -> WindowSpec:
    return WindowSpec(cli.home, "found", language="en", camera="none", reader="none", is_developer=True)


def make_two(cli: Cli) -> None:
    """One customer's: the one that will be lost has money, the other came by a code of the bank."""
    cli.must("wallet", "new", "lost")
    cli.wallet("lost", "fund", str(FUNDED // 100))
    network = sandbox.read_network(cli.home / "sandbox")
    account = cli.wallet("lost", "wallet", "show")["account"]
    (answer,) = sandbox.operate(network, [Order("alatau", "POST", "/v1/devices", [b"d" * 16, account])])
    assert not isinstance(answer, Refusal)
    bank = next(station for station in network.stations if station.name == "alatau")
    wish = at_real_bank("alatau", bank.url, network.root.hex(), answer[0], "person", "Dana")
    close(make_wallet(Home(cli.home).wallet("found"), wish, PIN, system_clock, os.urandom))
