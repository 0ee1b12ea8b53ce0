"""`qalta operator` with a key in a token, over a network: another key for every role, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, Plan, url
from tests.app.cli.test_audit import PIN, pin_fd
from tests.ledger_sync.notary.test_parts import OTHER, SPLIT
from tests.support.system import System
from tests.support.world import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Role
from wallet.protocol.parts import role_of

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
        match whose:
            case ("--bank", bank):
                keys = held.bank_keys(bank, now)
            case ("--part", prefix):
                keys = tuple(entry.key for entry in held.roles[role_of(prefix)] if entry.good_at(now))
            case (_, role):
                keys = held.keys(Role[role.upper()], now)
        return {key.raw.hex() for key in keys}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("office"), Plan()) as office:
        yield office


@pytest.fixture
def split(tmp_path: Path) -> Iterator[Office]:
    """Of a network whose references are split in two."""
    with opened(tmp_path, Plan(notaries=SPLIT)) as office:
        yield office


@contextmanager
def opened(folder: Path, plan: Plan) -> Iterator[Office]:
    with System(folder / "system", "operators", plan=plan) as system:
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


def test_a_part_of_the_notary_gets_another_key_and_the_other_parts_keep_theirs(split: Office) -> None:
    (old,), others = split.good("--part", "1"), split.good("--part", "0")
    made = split.orders("make", url(OTHER), "notary", "2")["key"]
    split.orders("follow", url(CENTRAL_BANK), made, "--part", "1", "--rest", "60")
    split.system.now += DAY
    split.system.settle_down()
    assert split.good("--part", "1") == {old, made}
    split.system.now += 61
    assert (split.good("--part", "1"), split.good("--part", "0")) == ({made}, others)
    with pytest.raises(Refusal) as refused:
        split.orders("follow", url(CENTRAL_BANK), made, "--role", "notary")
    assert refused.value.code is Code.MALFORMED


@pytest.mark.parametrize("written", ["", "2", "01x", "0000000", " 1"])
def test_what_is_no_part_is_told(office: Office, written: str) -> None:
    with pytest.raises(UsageError) as told:
        office.orders("follow", url(CENTRAL_BANK), "02" * 33, "--part", written)
    assert (told.value.name, told.value.facts) == ("usage.part", {"written": written, "limit": 6})


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
