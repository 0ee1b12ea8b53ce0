"""The bank node as a process: its home folder, its lines, its workers.

Settings: host, port, root (hex), operator (hex), bank (id), central_bank, notary (urls), banks ({id: url}), and
perhaps terms (`Terms.of`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger_sync.bank.api.node import Node, Peers
from ledger_sync.bank.api.routes import BankCalls
from ledger_sync.bank.books import Books
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.sqlite.storage import SqliteStorage
from ledger_sync.bank.startup import StartupGrace
from ledger_sync.bank.terms import Terms
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.routes import Caller, CallerKind, Identify
from ledger_sync.service.policy_cache import PolicyCache
from ledger_sync.service.run import Home, Program, Service
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.worker import Worker

ALIAS: Final = "bank"
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
    signer = home.signer(ALIAS)
    lines: list[ServiceClient] = []

    def line(url: str) -> ServiceClient:
        lines.append(home.line(url, signer))
        return lines[-1]

    central_bank = line(config["central_bank"])
    banks = {name: line(url) for name, url in config["banks"].items() if name != bank}
    trust = PolicyCache(home.folder / "trust.db", home.key("root"), central_bank, home.hear)
    storage = SqliteStorage(home.folder / "bank.db")
    books = Books(storage.accounts, home.clock)
    context = BankContext(bank, signer.sign, storage, books, trust, home.clock, home.random, home.machine)
    terms = Terms.of(config.get("terms", {}))
    node = Node(context, terms, Peers(line(config["notary"]), central_bank, banks))
    node.work.begin()
    storage.settlements.release_all()
    node.deliveries.begin_numbers()
    nonces = home.nonces()
    who = identify(node, trust, home.key("operator"))
    gate = Authenticator(home.authority, who, nonces, home.clock, home.machine, home.hear)
    routes = BankCalls(node, trust, node.hurry, StartupGrace(home.ticks, terms.recalling)).routes()

    def close() -> None:
        storage.close()
        trust.close()
        nonces.close()
        for client in lines:
            client.close()

    ready, health = lambda: trust.is_ready, home.health(ALIAS)
    app = build_app(f"Qalta bank {bank}", routes, gate, home.executor, ready, health)
    workers = (
        Worker("trust", _LOOK_SECONDS, lambda: trust.keep_fresh(home.machine(), _REFRESH_SECONDS)),
        Worker("movements", _MOVEMENTS_SECONDS, node.movements.follow),
        Worker("asking again", _MOVEMENTS_SECONDS, node.asking_again.round),
        Worker("refunds", _REFUNDS_SECONDS, node.refunds.find),
        Worker("compensations", _COMPENSATIONS_SECONDS, node.compensations.ask),
        Worker("retention", _REFUNDS_SECONDS, node.retention.sweep),
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


PROGRAM: Final = Program("bank", (ALIAS,), build)
