"""A network: central bank, notary and two banks as real applications over real stores, called without a network.

Their workers do not run by themselves: a test says when (`settle_down`). A service is unreachable while its name is
in `down`. Time stands still until the test moves it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

import ledger_sync.central_bank.program as central_bank_program
from hsm.memory import MemoryKeystore
from ledger_sync.bank.program import Assembled
from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.possession import possession_message
from ledger_sync.sandbox.in_process import (
    CENTRAL_BANK,
    NOTARY,
    OPERATOR,
    Exchange,
    InProcessNetwork,
    Plan,
    cut,
)
from tests.support.world import NOW, Key, Person, World, keystore_of
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import Evidence
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import Policy
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer, issued_tokens

BANKS = ("alatau", "zhibek")
GRANT = 100_000_000
OPENING = 10_000_000
ADMITTING = {"recalling": 0}
"""Terms of banks that say at once what they cannot show: here it never was, since somebody forged their commit."""


Between = Callable[[str, httpx.Request, Callable[[], httpx.Response]], httpx.Response]
"""Who stands between the services: gets each call to a service, by name, and how to deliver it."""


@dataclass(frozen=True)
class Row:
    """A bank's answer about one transfer, read."""

    txid: bytes
    settlement: Settlement | None
    first: int | None
    consumptions: tuple[Consumption, ...]
    evidence: Evidence | None
    issuance: Signed[Issuance] | None
    value: int | None

    @classmethod
    def read(cls, value: Cbor) -> Row:
        txid, settlement, first, consumptions, evidence, outcome = value
        issuance, paid = outcome or (None, None)
        return cls(
            txid,
            None if settlement is None else cose.from_cbor(Settlement, settlement).body,
            first,
            tuple(cose.from_cbor(Consumption, item).body for item in consumptions),
            None if evidence is None else Evidence.from_cbor(evidence),
            None if issuance is None else cose.from_cbor(Issuance, issuance),
            paid,
        )


@dataclass
class Customer:
    """A device with its account, its epoch keys and what it holds; a person of the `World` for each epoch."""

    net: LedgerNetwork
    bank: str
    name: str
    device: Key
    account: str = ""
    epochs: list[Person] = field(default_factory=list)
    cursor: int = 0

    @property
    def person(self) -> Person:
        return self.epochs[-1]

    @property
    def key(self) -> bytes:
        return self.person.key.public

    def line(self) -> ServiceClient:
        return self.net.line(self.bank, self.device)

    def certify(self, total: int = 0) -> Signed[Certificate]:
        key = Key.of(f"{self.name} epoch {len(self.epochs)}")
        return self.certify_key(key, total)

    def certify_key(self, key: Key, total: int = 0) -> Signed[Certificate]:
        proof = key.sign(possession_message(self.bank, self.device.public))
        raw, _news = self.line().post("/v1/certificates", [key.public, total, proof])
        certificate = cose.from_cbor(Certificate, raw)
        earlier = self.epochs[-1] if self.epochs else Person(key, certificate)
        self.epochs.append(Person(key, certificate, earlier.sequence, earlier.total))
        return certificate

    def fund(self, *amounts: int, funding: bytes | None = None) -> tuple[Token, ...]:
        return issued_tokens(self.fund_raw(funding or self.net.random(16), *amounts))

    def fund_raw(self, funding: bytes, *amounts: int) -> Signed[Issuance]:
        raw = self.line().post("/v1/fundings", [funding, self.key, list(amounts)])
        issuance = cose.from_cbor(Issuance, raw)
        self.net.remember(issuance)
        return issuance

    def balance(self) -> int:
        balance: int = self.line().get("/v1/account")[0]
        return balance

    def upload(self, *transfers: Signed[Transfer], whole: bool = True) -> list[Row]:
        """Upload transfers, with everything known about them unless they go alone."""
        bundle = self.net.bundle(transfers) if whole else Bundle(tuple(transfers))
        return self.upload_bundle(bundle)

    def upload_bundle(self, bundle: Bundle) -> list[Row]:
        return [Row.read(item) for item in self.line().post("/v1/uploads", bundle.to_cbor())]

    def verdict(self, transfer: Signed[Transfer]) -> Row:
        return Row.read(self.line().post("/v1/verdicts", [transfer.id])[0])

    def deliveries(self) -> tuple[Bundle, list[Row]]:
        self.cursor, bundle, rows = self.line().post("/v1/deliveries", [self.cursor])
        return Bundle.from_cbor(bundle), [Row.read(row) for row in rows]


def _keystores() -> dict[str, MemoryKeystore]:
    """Made by one chance in this order, so that stores of earlier days open (tests/stores)."""
    chance = Random(2).randbytes
    aliases = {CENTRAL_BANK: central_bank_program.ALIASES, NOTARY: ("notary",)}
    made = {}
    for name in (CENTRAL_BANK, NOTARY, *BANKS):
        made[name] = MemoryKeystore(chance, pin="")
        for alias in aliases.get(name, ("bank",)):
            made[name].create_key(alias)
    return made


class LedgerNetwork:
    """All services, in one process."""

    def __init__(self, folder: Path, random: Callable[[int], bytes] | None = None) -> None:
        """``random`` None: the same chance each time; the services' keys are the same in any case."""
        self.folder = folder
        self.now = NOW
        self.made_at: int | None = None
        self.random: Callable[[int], bytes] = random or Random(1).randbytes
        self.world = World()
        self.down: set[str] = set()
        self.between: Between = lambda _name, _request, deliver: deliver()
        self.operator = Key.of("operator")
        self._transfers: dict[bytes, Signed[Transfer]] = {}
        self._inputs: dict[bytes, tuple[Token, ...]] = {}
        self._issuances: dict[bytes, Signed[Issuance]] = {}
        self._certificates: dict[bytes, Signed[Certificate]] = {}
        self._requests: dict[bytes, Signed[Request]] = {}
        keystores = {**_keystores(), OPERATOR: keystore_of({OPERATOR: self.operator})}
        plan = Plan(banks=BANKS, grant=0, bank={"terms": ADMITTING})
        self.network = InProcessNetwork(folder, self.clock, lambda _what: self.random, plan, keystores)
        self.network.lines.place(self._unless_down)
        self.network.found()
        for bank in BANKS:
            self.order(CENTRAL_BANK, "POST", "/v1/issues", [bank.encode().ljust(16), bank, GRANT])

    def clock(self) -> int:
        return self.now

    def _unless_down(self, exchange: Exchange) -> httpx.Response:
        assert self.down <= self.network.programs.keys(), "names of services"
        if exchange.callee in self.down:
            return cut(exchange)
        return self.between(exchange.callee, exchange.request, exchange.deliver)

    @property
    def banks(self) -> dict[str, Assembled]:
        """The parts of the banks."""
        return self.network.banks

    def start_central(self, **terms: Any) -> None:
        """Start the central bank again, on these terms."""
        self.network.restart(CENTRAL_BANK, terms=terms)

    def resize(self, **capacity: int) -> None:
        """Start the banks again, with shares and answers of these sizes."""
        for bank in BANKS:
            self.network.restart(bank, terms={**ADMITTING, "capacity": capacity})

    def start(self, bank: str) -> None:
        """Start a bank, again perhaps, over its store."""
        self.network.start(bank)
        if CENTRAL_BANK not in self.down:
            self.banks[bank].trust.refresh()

    def stop(self, bank: str) -> None:
        self.network.stop(bank)

    def close(self) -> None:
        self.network.close()

    def line(self, service: str, key: Key) -> ServiceClient:
        return self.network.line(key.name, service, Signer(key.public, key.sign))

    def order(self, service: str, method: str, path: str, value: Cbor = None) -> Cbor:
        """A call of the operator."""
        line = self.line(service, self.operator)
        return line.get(path) if method == "GET" else line.post(path, value)

    def forget(self, service: str, sql: str) -> None:
        """Change a running service's store from outside, as putting a backup back does."""
        file = self.folder / service / ("bank.db" if service in BANKS else "central_bank.db")
        with contextlib.closing(sqlite3.connect(file)) as db, db:
            db.execute(sql)

    def settle_down(self, rounds: int = 4) -> None:
        """Let the workers of all that are up run, with enough time between rounds for every pause."""
        for _ in range(rounds):
            self.now += 40
            self.world.now = self.now
            self.network.work(*(name for name in (CENTRAL_BANK, *BANKS) if name not in self.down))

    def let_a_day_pass(self) -> None:
        """More than a day in which everybody's workers run, hour by hour."""
        for _ in range(27):
            self.now += 3_600
            self.settle_down(1)

    # people

    def customer(
        self,
        name: str,
        bank: str = "alatau",
        *,
        kind: WalletKind = WalletKind.PERSON,
        opening: int = OPENING,
        cause: bytes | None = None,
    ) -> Customer:
        """Opened by the operator, enrolled, certified."""
        body = [cause or self.random(16), name, int(kind), 5411 if kind else 0, opening]
        (code,) = self.order(bank, "POST", "/v1/customers", body)
        customer = Customer(self, bank, name, Key.of(f"{name} device"))
        self.enrol(customer, code)
        customer.certify()
        return customer

    def enrol(self, customer: Customer, code: str) -> None:
        customer.account, _kind, _name = customer.line().post(
            "/v1/enrolments", [code, customer.device.public]
        )

    # payments

    def remember(self, issuance: Signed[Issuance]) -> None:
        self._issuances[issuance.id] = issuance

    def request(self, payee: Customer, amount: int, **changes: object) -> Signed[Request]:
        self.world.now = self.made_at or self.now
        asked = {"nonce": self.random(16), **changes}
        request = self.world.request(payee.person, amount, **asked)
        self._requests[request_ref(request)] = request
        return request

    def pay(
        self,
        payer: Customer | Person,
        inputs: Sequence[Token],
        payee: Customer,
        amount: int,
        *,
        request: Signed[Request] | None = None,
        edit: Callable[[Transfer], Transfer] = lambda body: body,
    ) -> Signed[Transfer]:
        asked = request or self.request(payee, amount)
        return self.transfer(payer, inputs, payee.key, amount, request_ref(asked), edit=edit)

    def redeem(
        self, owner: Customer | Person, inputs: Sequence[Token], amount: int, redemption: Redemption
    ) -> Signed[Transfer]:
        return self.transfer(owner, inputs, self.directory().redemption_key(), amount, redemption)

    def refresh(self, owner: Customer, inputs: Sequence[Token]) -> Signed[Transfer]:
        total = sum(token.amount for token in inputs)
        return self.redeem(owner, inputs, total, Refresh(owner.key, (total,)))

    def defund(self, owner: Customer, inputs: Sequence[Token]) -> Signed[Transfer]:
        return self.redeem(owner, inputs, sum(token.amount for token in inputs), ToAccount())

    def refuse(self, payee: Customer, token: Token) -> Signed[Transfer]:
        assert token.payer is not None
        return self.redeem(payee, [token], token.amount, ToPayer(token.payer))

    def transfer(
        self,
        payer: Customer | Person,
        inputs: Sequence[Token],
        payee: bytes,
        amount: int,
        purpose: Any,
        *,
        edit: Callable[[Transfer], Transfer] = lambda body: body,
    ) -> Signed[Transfer]:
        self.world.now = self.made_at or self.now
        person = payer.person if isinstance(payer, Customer) else payer
        made = self.world.transfer(person, inputs, payee, amount, purpose, edit=edit)
        self._transfers[made.id] = made
        self._inputs[made.id] = tuple(inputs)
        self._certificates[person.key.public] = person.certificate
        return made

    def outputs(self, transfer: Signed[Transfer]) -> tuple[Token, ...]:
        inputs = {token.ref: token for token in self._inputs[transfer.id]}
        ordered = [inputs[ref] for ref in transfer.body.inputs]
        first = ordered[0]
        certificate = self._certificates[first.owner]
        return check_transfer(transfer, ordered, certificate.body, self.directory())

    def inputs_of(self, transfer: Signed[Transfer]) -> tuple[Token, ...]:
        """The tokens that a transfer consumes."""
        return self._inputs[transfer.id]

    def transfer_of(self, token: Token) -> Signed[Transfer]:
        """The transfer that made an output."""
        return self._transfers[token.ref.txid]

    def bundle(self, transfers: Sequence[Signed[Transfer]]) -> Bundle:
        """Transfers with all that is known of them, ancestors after descendants on purpose."""
        found: dict[bytes, Signed[Transfer]] = {}
        issuances: dict[bytes, Signed[Issuance]] = {}
        todo = [transfer.id for transfer in transfers]
        while todo:
            txid = todo.pop()
            if txid in self._issuances:
                issuances[txid] = self._issuances[txid]
            elif txid in self._transfers and txid not in found:
                found[txid] = self._transfers[txid]
                todo += [ref.txid for ref in found[txid].body.inputs]
        owners = {self._inputs[txid][0].owner for txid in found}
        refs = {item.body.purpose for item in found.values() if isinstance(item.body.purpose, bytes)}
        asked = {self._requests[ref].id: self._requests[ref] for ref in refs if ref in self._requests}
        first = [transfer for transfer in transfers if transfer.id in found]
        rest = [item for item in found.values() if item not in first]
        return Bundle(
            (*first, *rest),
            tuple(issuances.values()),
            tuple(self._certificates[owner] for owner in owners),
            tuple(asked.values()),
        )

    # what is known in public

    def directory(self) -> Directory:
        return self.banks[next(iter(self.banks))].trust.directory

    def policy(self, bank: str = "alatau") -> Policy:
        self.banks[bank].trust.refresh()
        return self.banks[bank].trust.policy

    def books(self, bank: str) -> Cbor:
        return self.order(bank, "GET", "/v1/books")

    def central_books(self) -> Cbor:
        return self.order(CENTRAL_BANK, "GET", "/v1/books")

    def check_books(self) -> None:
        """Design section 3, rule 1: nothing is in flight, and every sum agrees."""
        issued, redeemed, outstanding, positions = self.central_books()
        assert outstanding >= 0
        assert issued - redeemed == outstanding + sum(position for _, position in positions)
        for bank, position in positions:
            held, own, accounts, fundings, redemptions = self.books(bank)
            assert (fundings, redemptions) == ([], [])
            assert held == position
            assert own + sum(balance for _, balance in accounts) == position
