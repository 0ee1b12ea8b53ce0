"""The bank node as a process: its home folder, its lines, its workers.

Settings: host, port, root (hex), operator (hex), bank (id), central_bank, notary (urls; or notary {prefix: url} where
references are split, `ledger_sync.notaries`), banks ({id: url}), and perhaps terms (`Terms.of`) and database
(`ledger_sync.database.opening`; a file in the home folder where none is set).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger_sync import hearing
from ledger_sync.bank.api.node import Node, Peers
from ledger_sync.bank.api.routes import BankCalls
from ledger_sync.bank.books import Books
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.sql.storage import KIND, SqlStorage
from ledger_sync.bank.startup import StartupGrace
from ledger_sync.bank.terms import Terms
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.routes import Caller, CallerKind, Identify
from ledger_sync.notaries import Notaries
from ledger_sync.service.home import Home, Program, Service
from ledger_sync.service.own_keys import making, of_bank
from ledger_sync.service.policy_cache import PolicyCache
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.settings import WORKERS, Form, Setting
from ledger_sync.service.worker import Worker

ALIAS: Final = "bank"
_HEADS_SECONDS: Final = 60
_REFRESH_SECONDS: Final = 5
_LOOK_SECONDS: Final = 0.5
_MOVEMENTS_SECONDS: Final = 5
_REFUNDS_SECONDS: Final = 60
_COMPENSATIONS_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Assembled:
    """A bank node with the parts that its service is made of."""

    node: Node
    trust: PolicyCache
    service: Service


def build(home: Home) -> Service:
    """A bank node out of its home folder."""
    return assemble(home).service


def assemble(home: Home) -> Assembled:
    """The parts of a bank node, before anything runs."""
    config = home.config
    bank: str = config["bank"]
    keys = home.own_keys(ALIAS, of_bank(lambda: trust.directory, bank))
    lines: list[ServiceClient] = []

    def line(url: str) -> ServiceClient:
        lines.append(home.line(url, keys))
        return lines[-1]

    central_bank = line(config["central_bank"])
    banks = {name: line(url) for name, url in config["banks"].items() if name != bank}
    trust = home.trust(central_bank)
    storage = SqlStorage(home.store(KIND, "bank.db"))
    books = Books(storage.accounts, home.clock)
    notaries = Notaries.of(config["notary"], line)
    heads = home.heads(notaries.each, {"central-bank": central_bank, **banks}, lambda: trust.directory)
    context = BankContext(
        bank,
        keys,
        storage,
        books,
        trust,
        home.clock,
        home.random,
        home.machine,
        process=home.process.name,
        metrics=home.metrics,
        at_once=home.at_once,
        seen=heads.note,
    )
    home.metrics.watch(backlog=storage.waiting, made=trust.made)
    terms = Terms.of(config.get("terms", {}))
    node = Node(context, terms, Peers(notaries, central_bank, banks))
    node.work.begin()
    storage.settlements.release_all()
    node.plain.journal.begin()
    node.deliveries.begin_numbers()
    nonces = home.nonces()
    who = identify(node, trust, home.key("operator"))
    gate = Authenticator(home.authority, who, nonces, home.clock, home.machine, home.hear)
    calls = BankCalls(node, trust, node.hurry, StartupGrace(home.ticks, terms.recalling)).routes()
    routes = (*calls, *heads.routes(), making({ALIAS: keys}))

    def close() -> None:
        storage.close()
        trust.close()
        nonces.close()
        heads.close()
        for client in lines:
            client.close()

    ready, health = lambda: trust.is_ready, home.health(keys, store=storage.store)
    app = build_app(
        f"Qalta bank {bank}", routes, gate, home.executor, ready, health, home.metrics, home.quotas
    )
    for_all = (
        Worker(hearing.WORKER, _LOOK_SECONDS, node.own_words.round),
        Worker("movements", _MOVEMENTS_SECONDS, node.movements.follow),
        Worker("asking again", _MOVEMENTS_SECONDS, node.asking_again.round),
        Worker("refunds", _REFUNDS_SECONDS, node.refunds.find),
        Worker("compensations", _COMPENSATIONS_SECONDS, node.compensations.ask),
        Worker("retention", _REFUNDS_SECONDS, node.retention.sweep),
        Worker("heads", _LOOK_SECONDS, lambda: heads.keep_fresh(home.machine(), _HEADS_SECONDS)),
    )
    workers = (
        Worker("trust", _LOOK_SECONDS, lambda: trust.keep_fresh(home.machine(), _REFRESH_SECONDS)),
        Worker("heads of statements", _REFRESH_SECONDS, heads.take_noted),
        *(for_all if home.process.is_first else ()),
        *node.workers,
    )
    return Assembled(node, trust, Service(app, workers, close))


def identify(node: Node, trust: PolicyCache, operator: bytes) -> Identify:
    """Who a key is to this bank: its operator, a customer's device, another bank, the central bank, or nobody."""

    def who(key: bytes, now: int) -> Caller | None:
        if key == operator:
            return Caller(CallerKind.OPERATOR, "", key)
        account = node.customers.account_of(key)
        if account is not None:
            return Caller(CallerKind.CUSTOMER, account, key)
        return trust.identify(key, now)

    return who


SETTINGS: Final = (
    Setting("bank", is_needed=True),
    Setting("name", is_needed=True),
    Setting("root", Form.KEY, is_needed=True),
    Setting("central_bank", Form.URL, is_needed=True),
    Setting("notary", Form.URLS, is_needed=True),
    Setting("banks", Form.JSON, is_needed=True),
    Setting("terms", Form.JSON),
    WORKERS,
)
PROGRAM: Final = Program("bank", (ALIAS,), build, SETTINGS)
