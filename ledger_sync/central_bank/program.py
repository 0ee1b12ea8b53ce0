"""The central bank's process: puts the parts together over a home folder.

Settings: host, port, operator (hex), notary {url, key} (or notary {prefix: {url, key}} where references are
split, `ledger_sync.notaries`), banks [{id, name, key, url}], since (unix seconds from which the first directory's keys
are good), and perhaps terms (`Terms`) and database (`ledger_sync.database.opening`; a file in the home folder where
none is set).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from ledger_sync import hearing
from ledger_sync.central_bank.asking import Asking
from ledger_sync.central_bank.catching_up import CatchingUp
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.claims import Admitted
from ledger_sync.central_bank.directories import Genesis
from ledger_sync.central_bank.issuing import Issuing
from ledger_sync.central_bank.ordering import Ordering
from ledger_sync.central_bank.peers import BankNodeClient, NotaryClient
from ledger_sync.central_bank.redeeming import Redeeming
from ledger_sync.central_bank.registry import POOL_SECONDS, Keys, Registry
from ledger_sync.central_bank.relearning import Relearning
from ledger_sync.central_bank.service import CentralBank
from ledger_sync.central_bank.sql.storage import KIND, SqlStorage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.client import WHOLE_WITHIN_A_CALL, ServiceClient
from ledger_sync.notaries import Notaries
from ledger_sync.own_words import OwnWords, Statements, named
from ledger_sync.service.home import Home, Program, Service
from ledger_sync.service.own_keys import making, of_role
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.settings import Form, Setting
from ledger_sync.service.worker import Worker
from wallet.protocol.directory import Role
from wallet.protocol.settlement import CENTRAL_BANK

_ROLES: Final = {"issuing": Role.ISSUING, "policy": Role.POLICY, "redemption": Role.REDEMPTION}
ALIASES: Final = ("root", *_ROLES)
_HEADS_SECONDS: Final = 60
_HEAR_SECONDS: Final = 0.5
_SEEN_SECONDS: Final = 5
_DROP_SECONDS: Final = 3_600
_FOLLOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Assembled:
    """A central bank with the parts that its service is made of."""

    storage: SqlStorage
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
    own = {
        alias: home.own_keys(alias, of_role(lambda: registry.directory, role))
        for alias, role in _ROLES.items()
    }
    keys = Keys(home.made_signer, *own.values())
    storage = SqlStorage(home.store(KIND, "central_bank.db"))
    home.metrics.watch(backlog=storage.waiting)
    lines: list[ServiceClient] = []

    def line(url: str) -> ServiceClient:
        lines.append(home.line(url, keys.redemption, WHOLE_WITHIN_A_CALL))
        return lines[-1]

    founding = Genesis(
        tuple((bank["id"], bank["name"], bytes.fromhex(bank["key"])) for bank in config["banks"]),
        Notaries.of(config["notary"], lambda one: bytes.fromhex(one["key"])).lines,
        config["since"],
        tuple(bytes.fromhex(key) for key in config.get("auditors", ())),
    )
    registry = Registry(storage, keys, terms, founding, home.clock, is_heard=False, sizes=home.deltas)
    issuing = Issuing(storage, keys.issuing, terms, home.clock)
    notary_lines = Notaries.of(config["notary"], lambda one: line(one["url"]))
    bank_lines = {bank["id"]: line(bank["url"]) for bank in config["banks"]}
    banks = {name: BankNodeClient(bank_line) for name, bank_line in bank_lines.items()}
    heads = home.heads(notary_lines.each, bank_lines, lambda: registry.directory)
    notary = NotaryClient(notary_lines, keys.redemption, home.clock, heads.note)
    asking = Asking(storage, banks, terms, home.clock)
    admitted: Admitted = {}
    challenging = Challenging(storage, registry, asking, home.clock, admitted)
    witnesses = {bank: banks[bank] for bank in config.get("witnesses", banks) if bank in banks}
    catching_up = CatchingUp(
        storage, Relearning(storage, registry, terms, home.clock), witnesses, registry.resume, admitted
    )

    def keep_words(statements: Statements) -> None:
        heads.note(statements)
        with storage.transaction():
            for said in statements:
                storage.winners.hear(said)

    own_words = OwnWords(
        CENTRAL_BANK,
        named(notary_lines),
        storage.winners.last_heard(),
        lambda: registry.directory,
        keep_words,
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
        heads.note,
    )
    nonces = home.nonces()
    gate = Authenticator(home.authority, central_bank.identify, nonces, home.clock, home.machine, home.hear)
    app = build_app(
        "Qalta central bank",
        (*central_bank.routes(), *heads.routes(), making(own)),
        gate,
        home.executor,
        lambda: catching_up.is_ready,
        home.health(home.signer(ALIASES[0]), *own.values(), store=storage.store),
        home.metrics,
        home.quotas,
    )

    def close() -> None:
        storage.close()
        nonces.close()
        heads.close()
        for asked in lines:
            asked.close()

    def hear() -> None:
        catching_up.round()
        own_words.round()

    def pay_open() -> None:
        if catching_up.is_done:
            challenging.pay_open()

    workers = (
        Worker(hearing.WORKER, _HEAR_SECONDS, hear),
        Worker("expired revocations", _DROP_SECONDS, registry.drop_expired),
        Worker("old deltas", _DROP_SECONDS, registry.drop_old),
        Worker("revocations", POOL_SECONDS / 2, registry.publish),
        *(Worker(f"challenges: {bank}", _FOLLOW_SECONDS, partial(asking.ask_again, bank)) for bank in banks),
        Worker("compensations", _FOLLOW_SECONDS, pay_open),
        Worker("heads of statements", _SEEN_SECONDS, heads.take_noted),
        Worker("heads", _HEAR_SECONDS, lambda: heads.keep_fresh(home.machine(), _HEADS_SECONDS)),
    )
    return Assembled(storage, registry, redeeming, challenging, Service(app, workers, close))


SETTINGS: Final = (
    Setting("notary", Form.JSON, is_needed=True),
    Setting("banks", Form.JSON, is_needed=True),
    Setting("since", Form.NUMBER, is_needed=True),
    Setting("witnesses", Form.JSON),
    Setting("auditors", Form.JSON),
    Setting("terms", Form.JSON),
)
PROGRAM: Final = Program("central-bank", ALIASES, build, SETTINGS)
