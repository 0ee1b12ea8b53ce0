"""A bank's customers over the network: what a device calls its bank for, and what it reads in the answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.reading import READS, read_kinds
from ledger_sync.possession import possession_message
from tests.support.told import each_alone
from tests.support.world import Key, Person
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Consumption, Settlement, read_consumption, read_settlement
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token, issued_tokens

if TYPE_CHECKING:
    from tests.ledger_sync.bank.network import LedgerNetwork

READ = read_kinds(READS)
"""The kinds that whoever is up to date reads."""


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
            None if settlement is None else read_settlement(settlement).body,
            first,
            tuple(read_consumption(item).body for item in consumptions),
            None if evidence is None else Evidence.from_cbor(evidence),
            None if issuance is None else cose.from_cbor(Issuance, issuance),
            paid,
        )

    @classmethod
    def all(cls, rows: Cbor) -> list[Row]:
        """Those of an answer."""
        return [cls.read(row) for row in each_alone(rows)]


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
        return Row.all(self.line().post("/v1/uploads", bundle.to_cbor()))

    def verdict(self, transfer: Signed[Transfer]) -> Row:
        return Row.read(self.line().post("/v1/verdicts", [transfer.id])[0])

    def deliveries(self) -> tuple[Bundle, list[Row]]:
        self.cursor, bundle, rows = self.line().post("/v1/deliveries", [self.cursor])
        return Bundle.from_cbor(bundle), Row.all(rows)
