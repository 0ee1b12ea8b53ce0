"""The central bank's process: puts the parts together over a home folder.

Settings: host, port, operator (hex), notary {url, key}, banks [{id, name, key, url}], since (unix seconds from which
the first directory's keys are good), and perhaps terms (`Terms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from ledger_sync import hearing
from ledger_sync.central_bank.asking import Asking
from ledger_sync.central_bank.catching_up import CatchingUp
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.directories import Genesis
from ledger_sync.central_bank.issuing import Issuing
from ledger_sync.central_bank.ordering import Ordering
from ledger_sync.central_bank.peers import BankNodeClient, NotaryClient
from ledger_sync.central_bank.redeeming import Redeeming
from ledger_sync.central_bank.registry import POOL_SECONDS, Keys, Registry
from ledger_sync.central_bank.relearning import Relearning
from ledger_sync.central_bank.service import CentralBank
from ledger_sync.central_bank.sqlite.storage import SqliteStorage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.client import WHOLE_WITHIN_A_CALL, ServiceClient
from ledger_sync.service.run import Home, Program, Service
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.worker import Worker

ALIASES: Final = ("root", "issuing", "policy", "redemption")
_HEAR_SECONDS: Final = 0.5
_DROP_SECONDS: Final = 3_600
_FOLLOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Assembled:
    """A central bank with the parts that its service is made of."""

    storage: SqliteStorage
    registry: Registry
    redeeming: Redeeming
    challenging: Challenging
    service: Service


def build(home: Home) -> Service:
    """The central bank of a home folder."""
    return assemble(home).service


def assemble(home: Home) -> Assembled:
    """The parts of a central bank, before anything runs."""
    config = home.config
    terms = Terms.of(config.get("terms", {}))
    keys = Keys(home.made_signer, *(home.signer(alias) for alias in ALIASES[1:]))
    storage = SqliteStorage(home.folder / "central_bank.db")
    lines: list[ServiceClient] = []

    def line(url: str) -> ServiceClient:
        lines.append(home.line(url, keys.redemption, WHOLE_WITHIN_A_CALL))
        return lines[-1]

    founding = Genesis(
        tuple((bank["id"], bank["name"], bytes.fromhex(bank["key"])) for bank in config["banks"]),
        bytes.fromhex(config["notary"]["key"]),
        config["since"],
    )
    registry = Registry(storage, keys, terms, founding, home.clock, is_heard=False)
    issuing = Issuing(storage, keys.issuing, terms, home.clock)
    notary = NotaryClient(line(config["notary"]["url"]), keys.redemption, home.clock)
    banks = {bank["id"]: BankNodeClient(line(bank["url"])) for bank in config["banks"]}
    asking = Asking(storage, banks, terms, home.clock)
    challenging = Challenging(storage, registry, asking, home.clock)
    witnesses = {bank: banks[bank] for bank in config.get("witnesses", banks) if bank in banks}
    catching_up = CatchingUp(
        storage, Relearning(storage, registry, keys.policy.key, terms, home.clock), witnesses, registry.resume
    )
    redeeming = Redeeming(storage, registry, issuing, notary, challenging, terms, home.clock)
    central_bank = CentralBank(
        storage,
        registry,
        Ordering(storage, home.clock),
        issuing,
        redeeming,
        challenging,
        catching_up,
        home.key("operator"),
        home.clock,
    )
    nonces = home.nonces()
    gate = Authenticator(home.authority, central_bank.identify, nonces, home.clock, home.machine, home.hear)
    app = build_app(
        "Qalta central bank",
        central_bank.routes(),
        gate,
        home.executor,
        lambda: catching_up.is_ready,
        home.health(*ALIASES),
    )

    def close() -> None:
        storage.close()
        nonces.close()
        for asked in lines:
            asked.close()

    workers = (
        Worker(hearing.WORKER, _HEAR_SECONDS, catching_up.round),
        Worker("expired revocations", _DROP_SECONDS, registry.drop_expired),
        Worker("revocations", POOL_SECONDS / 2, registry.publish),
        *(Worker(f"challenges: {bank}", _FOLLOW_SECONDS, partial(asking.ask_again, bank)) for bank in banks),
        Worker("compensations", _FOLLOW_SECONDS, challenging.pay_open),
    )
    return Assembled(storage, registry, redeeming, challenging, Service(app, workers, close))


PROGRAM: Final = Program("central-bank", ALIASES, build)
