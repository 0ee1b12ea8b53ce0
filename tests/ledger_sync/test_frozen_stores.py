"""Stores of services as commit ee6df03 made them, most without a version, open with this one and keep their money."""

from __future__ import annotations

import json
import os
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.sql.storage import SCHEMA as BANK
from ledger_sync.central_bank.sql.storage import SCHEMA as CENTRAL_BANK
from ledger_sync.homes.migrating import migrate
from ledger_sync.homes.stores import ServiceHome
from ledger_sync.http.reading import READS
from ledger_sync.notary.sql_store import SCHEMA as NOTARY
from ledger_sync.service.heads import FILE as HEADS_FILE
from ledger_sync.service.heads import SCHEMA as HEADS
from ledger_sync.service.nonces import SCHEMA as NONCES
from ledger_sync.service.trust_store import SCHEMA as TRUST
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.stores.make_services import EXPECTED, STORES
from tests.support.postgres import Cluster
from tests.support.world import Key, Person
from wallet.database import connect
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory
from wallet.protocol.handover import Published
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import read_settlement
from wallet.protocol.validity import issued_tokens

SCHEMAS = {
    "central-bank/central_bank.db": CENTRAL_BANK,
    "central-bank/nonces.db": NONCES,
    "notary/notary.db": NOTARY,
    "notary/trust.db": TRUST,
    "alatau/bank.db": BANK,
}

SETTINGS: dict[str, dict[str, Any]] = {
    "central-bank": {"notary": {}},
    "notary": {},
    "alatau": {"bank": "alatau"},
    "zhibek": {"bank": "zhibek"},
}


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    with tarfile.open(STORES) as tar:
        tar.extractall(tmp_path, filter="data")
    (tmp_path / "central").rename(tmp_path / "central-bank")
    return tmp_path


def people(net: LedgerNetwork, expected: dict[str, Any]) -> dict[str, Customer]:
    """The customers again, with what their wallets remember."""
    found = {}
    for name, (account, raw, sequence, total) in expected["people"].items():
        bank = "alatau" if name in ("Aigul", "Shop") else "zhibek"
        certificate = cose.parse(Certificate, bytes.fromhex(raw))
        person = Person(Key.of(f"{name} epoch 1"), certificate, sequence, total)
        found[name] = Customer(net, bank, name, Key.of(f"{name} device"), account, [person])
    return found


def opened(homes: Path, databases: Mapping[str, str] | None = None) -> tuple[LedgerNetwork, dict[str, Any]]:
    expected = json.loads(EXPECTED.read_text("utf-8"))
    net = LedgerNetwork(homes, os.urandom, databases)
    net.now = net.world.now = expected["now"]
    return net, expected


@pytest.fixture(params=["postgres", "sqlite"])
def databases(request: pytest.FixtureRequest, homes: Path) -> Iterator[dict[str, str]]:
    """Where the stores of each service are: where they were, or all of them taken to PostgreSQL."""
    found: dict[str, str] = {}
    with ExitStack() as lent:
        for name, settings in SETTINGS.items() if request.param == "postgres" else ():
            cluster: Cluster = request.getfixturevalue("postgres")
            (homes / name / "service.json").write_text(json.dumps(settings))
            kind = ServiceHome.read(homes / name).places[0].kind.name
            found[name] = lent.enter_context(cluster.lent(f"all of a {kind}", lambda _url: None))
            migrate(homes / name, found[name], lambda _place, _copied: None)
        yield found


def test_they_say_what_they_said(homes: Path, databases: dict[str, str]) -> None:
    net, expected = opened(homes, databases)
    books = [net.central_books(), net.books("alatau"), net.books("zhibek")]
    assert json.loads(json.dumps(books, default=lambda raw: raw.hex())) == expected["books"]
    assert {name: people(net, expected)[name].balance() for name in expected["balances"]} == expected[
        "balances"
    ]
    net.close()


def test_the_directory_of_then_is_still_read_and_has_a_second_form_now(homes: Path) -> None:
    held = sqlite3.connect(homes / "central-bank" / "central_bank.db")
    (raw,) = held.execute("select raw from directory").fetchone()
    held.close()
    net, _ = opened(homes)
    line = net.line("alatau", Key.of("anybody"))
    given = Published.from_cbor(line.get("/v1/directories"))
    assert [form.body.KIND.typ for form in given.forms] == ["qbd2", "qbd1"]
    assert given.forms[1].encode() == raw
    root = net.network.root
    assert Directory.of(given.forms[0], root) == Directory.open(raw, root)
    net.close()


def test_what_was_under_way_is_finished_and_the_money_goes_on(homes: Path, databases: dict[str, str]) -> None:
    net, expected = opened(homes, databases)
    known = people(net, expected)
    aigul, baurzhan, shop = known["Aigul"], known["Baurzhan"], known["Shop"]
    net.settle_down()
    net.check_books()
    assert shop.balance() == expected["balances"]["Shop"] + 5_000 + 6_000
    bundle, rows = baurzhan.deliveries()
    assert 150_000 in {transfer.body.amount for transfer in bundle.transfers}
    assert {row.evidence for row in rows if row.settlement and row.settlement.verdict} != {None}
    issuance = cose.parse(Issuance, bytes.fromhex(expected["issuance"]))
    net.remember(issuance)
    (row,) = aigul.upload(net.pay(aigul, issued_tokens(issuance)[:1], shop, 100_000))
    assert row.settlement is not None
    assert row.settlement.values == (100_000,)
    net.settle_down()
    net.check_books()
    net.close()


def test_whoever_read_up_to_a_number_of_then_reads_on_and_gets_nothing_twice(homes: Path) -> None:
    """Numbers were given to all customers from one row; now each customer has its own, and the old ones stand."""
    held = sqlite3.connect(homes / "alatau" / "bank.db")
    given = held.execute("select customer, seq, object from deliveries order by seq").fetchall()
    held.close()
    net, expected = opened(homes)
    for customer in (people(net, expected)[name] for name in ("Aigul", "Shop")):
        listed = [(seq, name) for account, seq, name in given if account == customer.account]
        assert listed
        for place, (cursor, _) in enumerate(listed):
            _, bundle, rows, remembered = customer.line().post("/v1/deliveries", [cursor, 1])
            assert remembered == 1
            rest = [name for _, name in listed[place + 1 :]]
            assert [row[0] for row in rows] == rest[: len(rows)] == rest
            assert (bundle != [[], [], [], []]) == bool(rest)
        other = next(seq for account, seq, _ in given if account != customer.account)
        assert customer.line().post("/v1/deliveries", [other, 1])[3] == 0
    aigul, shop = (people(net, expected)[name] for name in ("Aigul", "Shop"))
    issuance = cose.parse(Issuance, bytes.fromhex(expected["issuance"]))
    net.remember(issuance)
    paid = net.pay(aigul, issued_tokens(issuance)[:1], shop, 100_000)
    aigul.upload(paid)
    for customer in (aigul, shop):
        last = max(seq for account, seq, _ in given if account == customer.account)
        after, _, rows, _ = customer.line().post("/v1/deliveries", [last, 1])
        assert [row[0] for row in rows] == [paid.id]
        assert after > max(seq for _, seq, _ in given)
    net.close()


def test_verdicts_of_then_are_told_as_they_were_signed_to_whoever_asks(
    homes: Path, databases: dict[str, str]
) -> None:
    """Each was signed alone, and that is what it stays, beside others that are signed together now."""
    held = sqlite3.connect(homes / "alatau" / "bank.db")
    given = {
        txid: [payload, signature]
        for txid, payload, signature in held.execute(
            "select s.transfer, s.payload, s.signature from settlements s join uploads u on u.transfer = s.transfer"
            " where u.uploader = ?",
            (uploader_of_customer(json.loads(EXPECTED.read_text("utf-8"))["people"]["Aigul"][0]),),
        )
    }
    held.close()
    assert given
    net, expected = opened(homes, databases)
    aigul = people(net, expected)["Aigul"]
    for reads in (READS, None):
        with net.reading("alatau", reads):
            rows = aigul.line().post("/v1/verdicts", list(given))
        assert {row[0]: row[1][2:] for row in rows} == given
        assert {read_settlement(row[1]).body.KIND.typ for row in rows} == {"qsa1"}
    net.close()


def test_they_are_brought_to_the_newest_version(homes: Path) -> None:
    opened(homes)[0].close()
    for path in homes.rglob("*.db"):
        known = {**SCHEMAS, HEADS_FILE: HEADS}
        schema = next(schema for name, schema in known.items() if Path(name).name == path.name)
        with sqlite3.connect(path) as raw:
            assert raw.execute("pragma user_version").fetchone() == (schema.version,), path.name


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_a_newer_qalta_made_is_refused_and_left_as_it_is(homes: Path, name: str) -> None:
    with sqlite3.connect(homes / name) as raw:
        raw.execute("pragma user_version = 99")
    before = (homes / name).read_bytes()
    with pytest.raises(Refusal) as refused:
        connect(homes / name, SCHEMAS[name])
    assert refused.value.code is Code.STORE_VERSION
    assert (homes / name).read_bytes() == before


def shape(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as raw:
        rows = raw.execute("select type, name, tbl_name from sqlite_schema where name not like 'sqlite_%'")
        tables = sorted(row for row in rows)
        columns = [
            (table, *map(str, column))
            for kind, table, _ in tables
            if kind == "table"
            for column in raw.execute(f"pragma table_info({table})")
        ]
    return [*tables, *columns]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_store_that_grew_has_the_shape_of_a_new_one(homes: Path, tmp_path: Path, name: str) -> None:
    for path in (homes / name, tmp_path / "new.db"):
        connect(path, SCHEMAS[name]).close()
    assert shape(homes / name) == shape(tmp_path / "new.db")
