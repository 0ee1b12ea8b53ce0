"""`qalta operator` with a key in a token, over a network: another key for every role, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hsm
from app.catalogue import catalogue
from app.cli.commands.operator import order
from app.cli.context import Context
from app.cli.main import main
from app.cli.parser import build_parser
from app.cli.pin import PinSource
from app.terminal.show import Show
from app.terminal.status import Status, UsageError
from app.wallets.places import Home
from ledger_sync.client.own_key import KEYSTORE
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, url
from tests.app.cli.test_audit import PIN, pin_fd
from tests.support.system import System
from tests.support.world import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Role

ROLES = [
    ("alatau", "bank", ("--bank", "alatau")),
    (NOTARY, "notary", ("--role", "notary")),
    (CENTRAL_BANK, "issuing", ("--role", "issuing")),
    (CENTRAL_BANK, "policy", ("--role", "policy")),
    (CENTRAL_BANK, "redemption", ("--role", "redemption")),
]


class Office:
    """Everybody's operator, by one key in a folder."""

    def __init__(self, folder: Path, system: System, key: str) -> None:
        self.folder = folder
        self.system = system
        for name in system.network.names:
            system.network.restart(name, operator=key)
        system.settle_down()

    def orders(self, *argv: str) -> dict[str, Any]:
        words = catalogue("en")
        show = Show(words, as_json=False)
        args = build_parser(words).parse_args(["operator", *argv, "--folder", str(self.folder / "operator")])
        clock = lambda: self.system.now  # noqa: E731
        context = Context(Home(self.folder), None, show, PinSource(pin_fd()), clock, os.urandom)
        assert order(args, context, self.system.network.lines.connect("somebody")) == Status.DONE
        return show.fields

    def good(self, *whose: str) -> set[str]:
        """The keys that are good now, as another bank goes by them."""
        held, now = self.system.network.banks["zhibek"].trust.directory, self.system.now
        is_bank = whose[0] == "--bank"
        keys = held.bank_keys(whose[1], now) if is_bank else held.keys(Role[whose[1].upper()], now)
        return {key.raw.hex() for key in keys}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with System(folder / "system", "operators") as system:
        (folder / "operator").mkdir()
        place, cost = folder / "operator" / KEYSTORE, hsm.RANDOM_PIN_COST  # it is opened often
        hsm.provision(place, PIN, clock=lambda: 0, random=os.urandom, cost=cost)
        key = made_key(folder / "operator")
        yield Office(folder, system, key)


def made_key(folder: Path) -> str:
    show = Show(catalogue("en"), as_json=False)
    args = build_parser(catalogue("en")).parse_args(["operator", "key", str(folder)])
    found = []
    for _ in range(2):
        context = Context(Home(folder), None, show, PinSource(pin_fd()), lambda: 0, os.urandom)
        assert args.run(args, context) == Status.DONE
        found.append(str(show.fields["key"]))
    assert found[0] == found[1], "the same again"
    return found[0]


@pytest.mark.parametrize(("service", "purpose", "whose"), ROLES, ids=lambda value: str(value))
def test_a_role_gets_another_key_while_it_runs(
    office: Office, service: str, purpose: str, whose: tuple[str, ...]
) -> None:
    (old,) = office.good(*whose)
    made = office.orders("make", url(service), purpose, "2")["key"]
    assert made == office.orders("make", url(service), purpose, "2")["key"] != old
    told = office.orders("follow", url(CENTRAL_BANK), made, *whose, "--rest", "60")
    assert told["since"] == office.system.now + DAY
    office.orders("follow", url(CENTRAL_BANK), made, *whose)
    office.system.now += DAY
    office.system.settle_down()
    assert office.good(*whose) == {old, made}
    office.system.now += 61
    assert office.good(*whose) == {made}


def test_the_root_hands_over_by_the_next_directory_only(office: Office) -> None:
    with pytest.raises(Refusal) as refused:
        office.orders("root", url(CENTRAL_BANK), "7")
    assert (refused.value.code, refused.value.facts["have"]) == (Code.MALFORMED, 1)
    root = office.orders("root", url(CENTRAL_BANK), "2")["key"]
    assert root == office.orders("root", url(CENTRAL_BANK), "2")["key"]
    assert root == office.system.network.central_bank.registry.directory.root.hex()


def test_what_is_ordered_wrongly_is_refused_by_name(office: Office) -> None:
    with pytest.raises(UsageError):
        office.orders("follow", url(CENTRAL_BANK), "03ff", "--bank", "alatau")
    made = office.orders("make", url("alatau"), "bank", "9")["key"]
    with pytest.raises(Refusal) as refused:
        office.orders("follow", url(CENTRAL_BANK), made, "--bank", "nobody")
    assert refused.value.code is Code.BANK_UNKNOWN
    with pytest.raises(Refusal) as refused:
        office.orders("make", url("alatau"), "issuing", "2")
    assert refused.value.code is Code.NOT_FOUND


def test_an_authority_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    for name in ("none.pem", "missing.pem"):
        argv = ["operator", "make", "https://127.0.0.1:9", "bank", "2", "--folder", str(tmp_path)]
        status = main(["--json", "--pin-fd", str(pin_fd()), *argv, "--ca", str(tmp_path / name)])
        assert (status, json.loads(capsys.readouterr().out)["error"]) == (Status.MISSING, "missing.authority")
