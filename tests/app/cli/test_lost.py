"""`qalta lost`: a lost phone is reported from a new one; what lay on it is counted, with the day it comes back."""

from __future__ import annotations

import os

from app.wallets.making import at_real_bank, make_wallet
from app.wallets.opened import close, system_clock
from app.wallets.places import Home
from ledger_sync import sandbox
from ledger_sync.sandbox.operator import Order
from tests.support.cli import PIN, Cli
from wallet.protocol.codes import Refusal

FUNDED = 30_000


def new_phone(cli: Cli) -> None:
    """The same customer's, by a code of the bank."""
    network = sandbox.read_network(cli.home / "sandbox")
    account = cli.wallet("lost", "wallet", "show")["account"]
    (answer,) = sandbox.operate(network, [Order("alatau", "POST", "/v1/devices", [b"d" * 16, account])])
    assert not isinstance(answer, Refusal)
    bank = next(station for station in network.stations if station.name == "alatau")
    wish = at_real_bank("alatau", bank.url, network.root.hex(), answer[0], "person", "Dana")
    place = Home(cli.home).wallet("found")
    close(make_wallet(place, wish, PIN, system_clock, os.urandom, lambda step: None))


def test_where_there_is_no_other_device_nothing_is_reported(cli: Cli) -> None:
    cli.must("wallet", "new", "alone")
    told = cli.run("--wallet", "alone", "lost", "--report")
    assert told.status == 0
    assert "No other device" in told.out
    assert "Reported" not in told.out
    found = cli.wallet("alone", "lost", "--report")
    assert (found["devices"], found["reported"]) == (0, False)
    folder = cli.home / "nothing"
    assert cli.wallet("alone", "evidence", "save", str(folder)) == {"files": [], "root": None}
    assert not folder.exists()


def test_a_lost_phone_is_reported_from_a_new_one(cli: Cli) -> None:
    cli.must("wallet", "new", "lost")
    cli.wallet("lost", "fund", str(FUNDED // 100))
    until = cli.wallet("lost", "risk")["until"]
    new_phone(cli)
    seen = cli.wallet("found", "lost")
    assert (seen["amount"], seen["until"], seen["reported"]) == (FUNDED, until, False)
    assert cli.run("--wallet", "lost", "sync").status == 0, "looking changes nothing"
    told = cli.run("--wallet", "found", "lost", "--report")
    assert told.status == 0
    assert "300\xa0₸" in told.out
    assert "Reported." in told.out
    refused = cli.run("--json", "--wallet", "lost", "sync")
    assert (refused.status, refused.json["refused"]) == (1, "auth_forbidden")
    assert cli.wallet("found", "lost")["devices"] == 0
    cli.wallet("found", "fund", "10")
    cli.wallet("found", "request", "5", "--out", str(cli.home / "codes"))
    assert not cli.wallet("found", "lost", "--report")["reported"], "there is none left"
