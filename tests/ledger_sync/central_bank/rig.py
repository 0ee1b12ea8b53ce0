"""A central bank with a real notary beside it, in this process, over HTTP without a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.redeeming import Redeeming
from ledger_sync.central_bank.registry import Registry
from ledger_sync.central_bank.sql.storage import SqlStorage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.routes import CallerKind, IncomingCall, Route
from ledger_sync.sandbox.in_process import (
    CENTRAL_BANK,
    NOTARY,
    InProcessNetwork,
    Plan,
    authority,
    named,
    run_inline,
)
from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from ledger_sync.service.server import Authenticator, build_app
from tests.ledger_sync.settling.ledger import Ledger
from tests.support.nonces import nonces_in_memory
from tests.support.world import NOW, Key, Person
from wallet.protocol import cose
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Commit, Consumption, read_consumption
from wallet.protocol.validity import Token, issued_tokens

OPERATOR = Key.of("operator")
GRANT = 10_000_000


def signer(key: Key) -> Signer:
    return Signer(key.public, key.sign)


class Shows:
    """A bank that shows the transfers it is given, or fails as it is told to."""

    def __init__(self, name: str) -> None:
        self.shown: dict[str, Cbor] = {}
        self.failure: Code | None = None
        route = Route(
            "GET", "/v1/transfers/{txid}", frozenset({CallerKind.PUBLIC}), self._show, "A transfer", "any"
        )
        gate = Authenticator(authority(name), lambda key, now: None, nonces_in_memory(), lambda: NOW)
        self.app = build_app(name, (route,), gate, run_inline)

    def _show(self, incoming: IncomingCall) -> Cbor:
        if self.failure is not None:
            raise Refusal(self.failure)
        path = f"/v1/transfers/{incoming.octets('txid', ID_BYTES).hex()}"
        if path not in self.shown:
            raise Refusal(Code.NOT_FOUND)
        return self.shown[path]


class CentralBankRig:
    """`now` is moved by the test; `ledger` builds what wallets would have signed."""

    def __init__(self, folder: Path, deltas: DeltaSizes = USUAL_SIZES) -> None:
        self.now = NOW
        self.terms = Terms()
        self.ledger = Ledger()
        world = self.ledger.world
        plan = Plan(banks=world.banks, grant=GRANT, absent=frozenset(world.banks), deltas=deltas)
        self.network = InProcessNetwork(folder, self.clock, lambda _what: os.urandom, plan, world.keystores())
        self.banks = {bank: Shows(bank) for bank in world.banks}
        for bank, shows in self.banks.items():
            self.network.lines.attach(bank, shows.app)
        self.network.found()

    @property
    def registry(self) -> Registry:
        return self.network.central_bank.registry

    @property
    def redeeming(self) -> Redeeming:
        return self.network.central_bank.redeeming

    @property
    def challenging(self) -> Challenging:
        return self.network.central_bank.challenging

    @property
    def storage(self) -> SqlStorage:
        return self.network.central_bank.storage

    def reopen(self) -> None:
        for name in (CENTRAL_BANK, NOTARY):
            self.network.stop(name)
        self.network.revive()

    def close(self) -> None:
        self.network.close()

    def clock(self) -> int:
        return self.now

    def client(self, key: Key) -> ServiceClient:
        return self.network.line(key.name, CENTRAL_BANK, signer(key))

    def notary_client(self, key: Key) -> ServiceClient:
        return self.network.line(key.name, NOTARY, signer(key))

    @property
    def operator(self) -> ServiceClient:
        return self.client(OPERATOR)

    @property
    def alatau(self) -> ServiceClient:
        return self.client(self.ledger.world.bank_key("alatau"))

    @property
    def zhibek(self) -> ServiceClient:
        return self.client(self.ledger.world.bank_key("zhibek"))

    def code(self, client: ServiceClient, path: str, value: Cbor) -> Code:
        try:
            answer = client.post(path, value)
        except Refusal as refusal:
            return refusal.code
        raise AssertionError(f"not refused: {answer!r}")

    def fund(self, person: Person, *amounts: int, name: str = "") -> tuple[Token, ...]:
        """Tokens that the central bank really issued."""
        bank = person.certificate.body.bank
        funding = named(f"{person.key.name} {amounts} {name}")
        client = self.client(self.ledger.world.bank_key(bank))
        issuance = cose.from_cbor(
            Issuance, client.post("/v1/fundings", [funding, person.key.public, list(amounts)])
        )
        self.ledger.issuances.append(issuance)
        return issued_tokens(issuance)

    def commit(self, *made: Sequence[Token], bank: str = "alatau") -> None:
        """A bank brings the transfers that made these outputs to the notary, in this order."""
        key = self.ledger.world.bank_key(bank)
        for outputs in made:
            transfer = self.ledger.transfers[outputs[0].ref.txid]
            body = Commit(bank, transfer.id, transfer.body.inputs, self.now)
            asked = [cose.sign(body, key.sign).to_cbor()]
            for value in self.notary_client(key).post("/v1/commits", asked)[0]:
                self.learn(read_consumption(value))

    def learn(self, statement: cose.Signed[Consumption]) -> None:
        if statement.id not in {known.id for known in self.ledger.statements}:
            self.ledger.statements.append(statement)
            self.ledger.winners.update(dict.fromkeys(statement.body.refs, statement.body.consumer))

    def proof(self, bundle: Bundle | None = None) -> list[Cbor]:
        """Everything there is, as redemptions, refunds and challenges end with it."""
        shown = self.ledger.bundle() if bundle is None else bundle
        return [shown.to_cbor(), [statement.to_cbor() for statement in self.ledger.statements]]

    def asked(self, outputs: Sequence[Token], bundle: Bundle | None = None) -> list[Cbor]:
        """The body by which the signer's bank asks for a redemption."""
        txid = outputs[0].ref.txid
        return [txid, *self.proof(bundle), self.ledger.signers[txid].possession().to_cbor()]

    def redeem(self, outputs: Sequence[Token]) -> tuple[Issuance | None, int]:
        """As the signer's bank: whatever becomes no tokens is credited to it."""
        body = self.asked(outputs)
        bank = self.ledger.signers[body[0]].certificate.body.bank
        client = self.client(self.ledger.world.bank_key(bank))
        issuance, value, credited = client.post("/v1/redemptions", body)
        assert credited == (value if issuance is None else 0)
        return None if issuance is None else cose.from_cbor(Issuance, issuance).body, value

    def books(self) -> tuple[int, int, int, dict[str, int]]:
        """Issued, redeemed, outstanding and positions, which must balance to the last entry."""
        books = self.storage.books
        assert books.is_sound()
        now = books.sums()
        assert now.issued - now.redeemed == now.outstanding + sum(held for _, held in now.positions)
        return now.issued, now.redeemed, now.outstanding, dict(now.positions)
