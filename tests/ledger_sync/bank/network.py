"""A network: central bank, notary and two banks as real applications over real stores, called without a network.

Their workers do not run by themselves: a test says when (`settle_down`). A service is unreachable while its name is
in `down`. Time stands still until the test moves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx

import ledger_sync.central_bank.program as central_bank_program
from hsm.memory import MemoryKeystore
from ledger_sync.bank.program import Assembled
from ledger_sync.bank.sql.storage import KIND as BANK
from ledger_sync.central_bank.sql.storage import KIND as CENTRAL_BANK_KIND
from ledger_sync.database.store import Store
from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.reading import HEADER
from ledger_sync.sandbox.in_process import (
    CENTRAL_BANK,
    NOTARY,
    OPERATOR,
    Exchange,
    InProcessNetwork,
    Plan,
    cut,
)
from tests.ledger_sync.bank.customers import Customer
from tests.support.world import NOW, Key, Person, World, keystore_of
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance
from wallet.protocol.parts import WHOLE
from wallet.protocol.policy import Policy
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer

BANKS = ("alatau", "zhibek")
GRANT = 100_000_000
OPENING = 10_000_000
ADMITTING = {"recalling": 0}
"""Terms of banks that say at once what they cannot show: here it never was, since somebody forged their commit."""


Between = Callable[[str, httpx.Request, Callable[[], httpx.Response]], httpx.Response]
"""Who stands between the services: gets each call to a service, by name, and how to deliver it."""


def keystores(more: Iterable[str]) -> dict[str, MemoryKeystore]:
    """Made by one chance in this order, so that stores of earlier days open (tests/stores); those of ``more`` notaries
    by another each."""
    chance = Random(2).randbytes
    aliases = {CENTRAL_BANK: central_bank_program.ALIASES, NOTARY: ("notary",)}
    made = {}
    for name in (CENTRAL_BANK, NOTARY, *BANKS):
        made[name] = MemoryKeystore(chance, pin="")
        for alias in aliases.get(name, ("bank",)):
            made[name].create_key(alias)
    for name in more:
        made[name] = MemoryKeystore(Random(name).randbytes, pin="")
        made[name].create_key("notary")
    return made


class LedgerNetwork:
    """All services, in one process."""

    def __init__(
        self,
        folder: Path,
        random: Callable[[int], bytes] | None = None,
        databases: Mapping[str, str] | None = None,
        clone: Callable[[str], str] | None = None,
        notaries: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """``random`` None: the same chance each time; the services' keys are the same in any case. ``databases``: where
        the stores of a service are, if not in its folder; ``clone`` copies such a one. ``notaries``: those among whom
        references are split, with the prefixes of what each decides."""
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
        split = {NOTARY: (WHOLE,)} if notaries is None else notaries
        own = {
            **keystores(name for name in split if name != NOTARY),
            OPERATOR: keystore_of({OPERATOR: self.operator}),
        }
        plan = Plan(
            banks=BANKS, grant=0, bank={"terms": ADMITTING}, databases=databases or {}, notaries=split
        )
        self.network = InProcessNetwork(folder, self.clock, lambda _what: self.random, plan, own, clone)
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

    @contextmanager
    def reading(self, bank: str, kinds: str | None) -> Iterator[None]:
        """Whoever calls ``bank`` meanwhile says that it reads these kinds, or says nothing of it."""

        def say(exchange: Exchange) -> httpx.Response:
            del exchange.request.headers[HEADER]
            if kinds is not None:
                exchange.request.headers[HEADER] = kinds
            return exchange.deliver()

        with self.network.lines.disturbed(say, callee=bank):
            yield

    @property
    def banks(self) -> dict[str, Assembled]:
        """The parts of the banks."""
        return self.network.banks

    def start_central(self, **terms: Any) -> None:
        """Start the central bank again, on these terms."""
        self.network.restart(CENTRAL_BANK, terms=terms)

    def resize(self, **capacity: int) -> None:
        """Start the banks again, with shares and answers of these sizes."""
        self.agree(capacity=capacity)

    def agree(self, **terms: Any) -> None:
        """Start the banks again, on these terms."""
        for bank in BANKS:
            self.network.restart(bank, terms={**ADMITTING, **terms})

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
        with closing(self._store(service)) as store:
            store.run(sql)

    def look(self, service: str, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds in a running service's store, past its ports and from outside."""
        with closing(self._store(service)) as store:
            return store.rows(sql, values)

    def _store(self, service: str) -> Store:
        kind, file = (BANK, "bank.db") if service in BANKS else (CENTRAL_BANK_KIND, "central_bank.db")
        return self.network.homes[service].store(kind, file)

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
