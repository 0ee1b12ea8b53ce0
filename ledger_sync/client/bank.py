"""A wallet's calls to its bank, typed. What comes back is read strictly; what is signed is checked by the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_sync.client.rows import Row, read_rows
from ledger_sync.possession import shows_possession
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_NAME_BYTES, MAX_OBJECT_BYTES, MAX_SUM, SIGNATURE_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import PolicyUpdate

MAX_DELTAS_ONLINE = 256
"""Policy deltas in one answer of the online side."""
ASKED_AT_ONCE = 64
"""Transfers or keys in one question."""
_MAX_CURSOR = 2**53
_MAX_POSSESSIONS = 256
"""Own keys in one answer."""


class Service(Protocol):
    """A signed line to one service (ledger_sync.http.client). Raises ``Refusal``: its answer's code, UNREACHABLE."""

    def get(self, path: str) -> Cbor: ...

    def post(self, path: str, value: Cbor) -> Cbor: ...


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's digital account: ``balance`` in tiyn."""

    balance: int
    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the bank calls the new customer device."""

    account: str
    kind: int
    name: str


@dataclass(frozen=True, slots=True)
class Certified:
    """A new certificate, with the newest directory and policy."""

    certificate: Signed[Certificate]
    directory: bytes | None
    update: PolicyUpdate


@dataclass(frozen=True, slots=True)
class Delivery:
    """Money the ledger lists for the customer's keys since a cursor, with provenance and verdicts."""

    cursor: int
    bundle: Bundle
    rows: tuple[Row, ...]


class BankClient:
    """The calls of one customer's device to the bank whose id the customer knows."""

    def __init__(self, service: Service, bank: str, device_key: bytes) -> None:
        self._service = service
        self.bank = bank
        self.device_key = device_key

    def enrol(self, code: str) -> Enrolled:
        answer = self._service.post("/v1/enrolments", [code, self.device_key])
        account, kind, name = codec.array(answer, 3)
        return Enrolled(
            codec.text(account, 64, least=1), codec.uint(kind, 1), codec.text(name, MAX_NAME_BYTES)
        )

    def account(self) -> Account:
        balance, name, kind, _open = codec.array(self._service.get("/v1/account"), 4)
        return Account(codec.uint(balance, MAX_SUM), codec.text(name, MAX_NAME_BYTES), codec.uint(kind, 1))

    def root(self) -> tuple[bytes, bytes]:
        """The central bank's root key as the bank states it, and the signed directory."""
        root, directory = codec.array(self._service.get("/v1/root"), 2)
        return codec.public_key(root), codec.octets(directory, most=MAX_OBJECT_BYTES)

    def policy(self, since: int) -> PolicyUpdate:
        """Deltas after version ``since``, at most MAX_DELTAS_ONLINE, and the head if that is all of them."""
        return PolicyUpdate.from_cbor(self._service.get(f"/v1/policy?since={since}"), most=MAX_DELTAS_ONLINE)

    def certify(self, key: bytes, total: int, proof: bytes, since: int) -> Certified:
        """A certificate for an epoch key; ``proof`` is that key's signature over ``possession_digest``."""
        path = f"/v1/certificates?since={since}"
        certificate, news = codec.array(self._service.post(path, [key, total, proof]), 2)
        directory, update = codec.array(news, 2)
        return Certified(
            cose.from_cbor(Certificate, certificate),
            None if directory is None else codec.octets(directory, most=MAX_OBJECT_BYTES),
            PolicyUpdate.from_cbor(update, most=MAX_DELTAS_ONLINE),
        )

    def fund(self, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        return cose.from_cbor(Issuance, self._service.post("/v1/fundings", [funding, owner, list(amounts)]))

    def upload(self, bundle: Bundle) -> tuple[Row, ...]:
        return read_rows(self._service.post("/v1/uploads", bundle.to_cbor()))

    def verdicts(self, transfers: Sequence[bytes]) -> tuple[Row, ...]:
        return read_rows(self._service.post("/v1/verdicts", list(transfers)))

    def deliveries(self, cursor: int) -> Delivery:
        after, bundle, rows = codec.array(self._service.post("/v1/deliveries", [cursor]), 3)
        return Delivery(codec.uint(after, _MAX_CURSOR), Bundle.from_cbor(bundle), read_rows(rows))

    def keys_in_use(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Which of these own keys (at most ASKED_AT_ONCE) the ledger still knows something unconsumed of."""
        answer = codec.array(self._service.post("/v1/keys", list(keys)), most=len(keys))
        return frozenset(codec.public_key(key) for key in answer)

    def own_keys(self) -> Iterator[bytes]:
        """Every key that this device ever had certified here, destroyed ones too; each has signed that it was this
        device's. Passes over what has not."""
        after = b""
        while rows := codec.array(self._service.post("/v1/possessions", [after]), most=_MAX_POSSESSIONS):
            for row in rows:
                key, proof = codec.array(row, 2)
                require(codec.public_key(key) > after, Code.MALFORMED)
                after = codec.public_key(key)
                if shows_possession(after, self.bank, self.device_key, codec.octets(proof, SIGNATURE_BYTES)):
                    yield after

    def report_loss(self) -> None:
        """Have every unexpired wallet id of this customer revoked."""
        self._service.post("/v1/losses", [])
