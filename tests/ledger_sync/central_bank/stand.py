"""A central bank with a real notary beside it, in this process, over HTTP without a network."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ledger_sync.central_bank.books import audit, sums
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.issuing import Issuing
from ledger_sync.central_bank.partners import BankLine, NotaryLine
from ledger_sync.central_bank.redeeming import Redeeming
from ledger_sync.central_bank.registry import Founding, Keys, Registry
from ledger_sync.central_bank.service import CentralBank
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.nonces import Nonces
from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from ledger_sync.http.server import Gate, build_app
from ledger_sync.http.trust import principal
from ledger_sync.notary.service import Notary
from tests.ledger_sync.notary.backends import BACKENDS
from tests.ledger_sync.settling.ledger import Ledger
from tests.support.asgi import InProcess
from tests.support.switchboard import run_inline
from tests.support.world import DAY, NOW, Key, Person
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.validity import Token, issued_tokens

OPERATOR = Key.of("operator")
GRANT = 10_000_000


def signer(key: Key) -> Signer:
    return Signer(key.public, key.sign_digest)


def named(name: str) -> bytes:
    """16 bytes that stand for a name."""
    return hashlib.sha256(name.encode()).digest()[:16]


class Shows:
    """A bank that shows the transfers it is given, or fails as it is told to."""

    def __init__(self) -> None:
        self.shown: dict[str, Cbor] = {}
        self.failure: Code | None = None

    def get(self, path: str) -> Cbor:
        if self.failure is not None:
            raise NoAnswer(self.failure) if self.failure is Code.UNREACHABLE else RemoteRefusal(self.failure)
        if path not in self.shown:
            raise RemoteRefusal(Code.NOT_FOUND)
        return self.shown[path]

    def post(self, path: str, value: Cbor) -> Cbor:
        raise AssertionError(f"nothing is posted to a bank: {path} {value}")


class Stand:
    """`now` is moved by the test; `ledger` builds what wallets would have signed."""

    def __init__(self, folder: Path, terms: Terms | None = None) -> None:
        self.now = NOW
        self.folder = folder
        self.terms = terms or Terms()
        self.ledger = Ledger()
        self.banks = {bank: Shows() for bank in self.ledger.world.banks}
        self.open()
        for bank in self.ledger.world.banks:
            self.operator.post("/v1/issues", [named(bank), bank, GRANT])

    def open(self) -> None:
        """As a process does at its start, with what the folder holds."""
        world = self.ledger.world
        self.store = Store(self.folder / "central_bank.db")
        keys = Keys(*(signer(key) for key in (world.root, world.issuing, world.policy_key, world.redemption)))
        founding = Founding(
            tuple((bank, bank.title(), world.bank_key(bank).public) for bank in world.banks),
            world.notary.public,
            NOW - 365 * DAY,
        )
        self.registry = Registry(self.store, keys, self.terms, founding, self.clock)
        issuing = Issuing(self.store, keys.issuing, self.terms, self.clock)
        self.notary = Notary(BACKENDS["sqlite"](self.folder), lambda: self.registry.directory)
        line = NotaryLine(self.notary_client(world.redemption), keys.redemption, self.clock)
        lines = {bank: BankLine(shows) for bank, shows in self.banks.items()}
        self.central_bank = CentralBank(
            self.store,
            self.registry,
            issuing,
            Redeeming(self.store, self.registry, issuing, line, self.terms, self.clock),
            Challenging(self.store, self.registry, lines, self.terms, self.clock),
            OPERATOR.public,
            self.clock,
        )
        gate = Gate("cb.test", self.central_bank.identify, Nonces(":memory:"), self.clock)
        self.app = build_app("Central bank", self.central_bank.routes(), gate, run_inline)

    def reopen(self) -> None:
        self.close()
        self.open()

    def close(self) -> None:
        self.store.close()
        self.notary.close()

    def clock(self) -> int:
        return self.now

    def client(self, key: Key) -> ServiceClient:
        return ServiceClient(
            "http://cb.test",
            key.public,
            key.sign_digest,
            self.clock,
            os.urandom,
            connect=lambda _: InProcess(self.app),
        )

    def notary_client(self, key: Key) -> ServiceClient:
        def identify(sender: bytes, now: int) -> object:
            return principal(self.registry.directory, sender, now)

        gate = Gate("notary.test", identify, Nonces(":memory:"), self.clock)  # type: ignore[arg-type]
        app = build_app("Notary", self.notary.routes(), gate, run_inline)
        return ServiceClient(
            "http://notary.test",
            key.public,
            key.sign_digest,
            self.clock,
            os.urandom,
            connect=lambda _: InProcess(app),
        )

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
            asked = [cose.sign(body, key.sign_digest).to_cbor()]
            for value in self.notary_client(key).post("/v1/commits", asked)[0]:
                self.learn(cose.from_cbor(Consumption, value))

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
        with self.store.reading() as db:
            assert audit(db)
            now = sums(db)
        assert now.issued - now.redeemed == now.outstanding + sum(held for _, held in now.positions)
        return now.issued, now.redeemed, now.outstanding, dict(now.positions)
