"""A wallet's calls to its bank, typed. What comes back is read strictly; what is signed is checked by the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_sync.client.patience import Patience, Patient
from ledger_sync.client.statuses import ReportedStatus, read_statuses
from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.possession import shows_possession
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    MAX_DIRECTORY_BYTES,
    MAX_NAME_BYTES,
    MAX_SUM,
    MAX_TIME,
    SIGNATURE_BYTES,
)
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import parse_directory
from wallet.protocol.handover import Handover, Published
from wallet.protocol.issuance import Issuance
from wallet.protocol.log import LogHead
from wallet.protocol.policy import Baseline, PolicyUpdate
from wallet.protocol.time_word import TimeWord

MAX_DELTAS_ONLINE = 256
"""Policy deltas in one answer of the online side."""
ASKED_AT_ONCE = 64
"""Transfers or keys in one question."""
_MAX_CURSOR = 2**53
_MAX_DEVICES = 2**16
_MAX_LOGS = 64
_MAX_POSSESSIONS = 256
"""Own keys in one answer."""


class Service(Protocol):
    """A signed line to one service (ledger_sync.http.client). Raises ``RemoteRefusal``, ``NoAnswer``."""

    def get(self, path: str) -> Cbor: ...

    def post(self, path: str, value: Cbor) -> Cbor: ...


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's digital account: ``balance`` in tiyn."""

    balance: int
    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Loss with the account's other devices: ``amount`` in tiyn that the ledger knows unspent; what of it stays so
    comes back after ``until`` (unix seconds; None if there is nothing). ``devices``: how many others speak for the
    account; None where the bank does not say."""

    amount: int
    until: int | None
    devices: int | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Enrolment of a new customer device: the account's id, the holder's kind (`WalletKind`) and name."""

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
    """Money the ledger lists for the customer's keys since a cursor, with provenance and verdicts; ``goes_on``: the
    bank remembers that it gave this cursor, and has not begun anew."""

    cursor: int
    bundle: Bundle
    rows: tuple[ReportedStatus, ...]
    goes_on: bool


class OnTime:
    """A line whose calls are made once more where the first was dated wrongly. The calls by which that is put right are
    not: whoever says of all calls that they are dated wrongly is not asked for ever."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._thread = _Correcting()
        self.correct: Callable[[], None] | None = None

    def get(self, path: str) -> Cbor:
        return self._on_time(lambda: self._service.get(path))

    def post(self, path: str, value: Cbor) -> Cbor:
        return self._on_time(lambda: self._service.post(path, value))

    def _on_time(self, call: Callable[[], Cbor]) -> Cbor:
        try:
            return call()
        except Refusal as refusal:
            if refusal.code is not Code.AUTH_STALE or self.correct is None or self._thread.is_correcting:
                raise
        self._thread.is_correcting = True
        try:
            self.correct()
        finally:
            self._thread.is_correcting = False
        return call()


class _Correcting(threading.local):
    """Whether the present thread is putting right what calls are dated by."""

    is_correcting = False


class BankClient:
    """The calls of one customer's device to the bank whose id the customer knows.

    Every one raises ``RemoteRefusal`` (the bank refuses) or ``NoAnswer`` (nothing came, or nothing that can be read).
    """

    def __init__(
        self,
        service: Service,
        bank: str,
        device_key: bytes,
        close: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
    ) -> None:
        """``patience``: with a bank that is busy; the usual, where none is given."""
        self._line = Patient(service, patience or Patience())
        self._service = OnTime(self._line)
        self._close = close
        self.bank = bank
        self.device_key = device_key

    def close(self) -> None:
        """Let go of the line; no call can be made after it. Again is success."""
        self._close()

    def keep_time(self, correct: Callable[[], None]) -> None:
        """From now on a call that is AUTH_STALE is made once more after ``correct`` has put right what calls are dated
        by; it may raise ``Refusal`` instead."""
        self._service.correct = correct

    def time_word(self, nonce: bytes) -> Signed[TimeWord]:
        """The bank's word on what time it is; this call may be dated anyhow."""
        answer = self._line.get(f"/v1/time?nonce={nonce.hex()}")
        return read(answer, lambda value: cose.from_cbor(TimeWord, value))

    def enrol(self, code: str) -> Enrolled:
        """Enrolment of this device by the ``code`` that the bank gave its customer: the account, its kind and its
        holder's name. Asking again with the same code and device gives the same."""
        return read(self._service.post("/v1/enrolments", [code, self.device_key]), _enrolled)

    def account(self) -> Account:
        """Account of this device's customer: its balance in tiyn, name and kind."""
        return read(self._service.get("/v1/account"), _account)

    def handovers(self) -> tuple[Handover, ...]:
        """How the central bank's roots have handed over; none where the bank does not know of such."""
        try:
            return read(self._service.get("/v1/directories"), Published.from_cbor).handovers
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            return ()

    def root(self) -> tuple[bytes, bytes]:
        """The central bank's root key as the bank states it, and the signed directory."""
        return read(self._service.get("/v1/root"), _root)

    def policy(self, since: int) -> PolicyUpdate:
        """Deltas after version ``since``, at most MAX_DELTAS_ONLINE, and the head if that is all of them."""
        return read(self._service.get(f"/v1/policy?since={since}"), _update)

    def base(self) -> Baseline | None:
        """Where a wallet begins that holds no policy; None where that is version 1."""
        try:
            return read(self._service.get("/v1/base"), Baseline.from_cbor)
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            return None

    def certify(self, key: bytes, total: int, proof: bytes, since: int) -> Certified:
        """A certificate for an epoch key; ``proof`` is that key's signature over ``possession_message``."""
        path = f"/v1/certificates?since={since}"
        return read(self._service.post(path, [key, total, proof]), _certified)

    def fund(self, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        """Issuance of tokens of ``amounts`` (tiyn) to the key ``owner`` (33 bytes), paid from the account.
        ``funding`` (16 bytes) names the act: asking again under the same id gives the same issuance."""
        answer = self._service.post("/v1/fundings", [funding, owner, list(amounts)])
        return read(answer, lambda value: cose.from_cbor(Issuance, value))

    def upload(self, bundle: Bundle) -> tuple[ReportedStatus, ...]:
        """Status of each transfer of an uploaded ``bundle``; uploading again changes nothing."""
        return read(self._service.post("/v1/uploads", bundle.to_cbor()), read_statuses)

    def verdicts(self, transfers: Sequence[bytes]) -> tuple[ReportedStatus, ...]:
        """Status of each of these ``transfers`` (32-byte ids)."""
        return read(self._service.post("/v1/verdicts", list(transfers)), read_statuses)

    def deliveries(self, cursor: int) -> Delivery:
        """Part of the account's feed after ``cursor``: what the ledger lists for the customer's keys, with its
        verdicts."""
        return read(self._service.post("/v1/deliveries", [cursor, 1]), _delivery)

    def log_heads(self) -> tuple[LogHead, ...]:
        """The newest head of each of the notary's logs that the bank has seen; for the caller to check."""
        return read(self._service.get("/v1/log/heads"), _heads)

    def bring_log_head(self, head: LogHead) -> None:
        """Have the bank compare a head of the notary's log, that was seen elsewhere or before, with its own.
        LOG_UNPROVED: the notary does not say how they fit."""
        self._service.post("/v1/log/heads", [head.to_cbor()])

    def keys_in_use(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Which of these own keys (at most ASKED_AT_ONCE) the ledger still knows something unconsumed of."""
        answer = self._service.post("/v1/keys", list(keys))
        return read(answer, lambda value: _keys(value, len(keys)))

    def own_keys(self) -> Iterator[bytes]:
        """Every key that this device ever had certified here, destroyed ones too; each has signed that it was this
        device's. Passes over what has not."""
        after = b""
        while rows := self._possessions(after):
            for key, proof in rows:
                after = key
                if shows_possession(key, self.bank, self.device_key, proof):
                    yield key

    def _possessions(self, after: bytes) -> list[tuple[bytes, bytes]]:
        answer = self._service.post("/v1/possessions", [after])
        return read(answer, lambda value: _proofs(value, after))

    def loss(self) -> Loss:
        """Loss with the account's other devices, as far as the ledger knows."""
        return read(self._service.get("/v1/losses?devices=1"), _loss)

    def report_loss(self, *, is_here: bool = False) -> None:
        """The account's other devices are lost: they speak for it no more, and its unexpired wallet ids are revoked,
        but for this device's own where it says that it ``is_here`` and safe. Again is success."""
        self._service.post("/v1/losses", [1] if is_here else [])


def _loss(answer: Cbor) -> Loss:
    amount, until, *others = codec.array(answer, least=2, most=3)
    return Loss(
        codec.uint(amount, MAX_SUM),
        None if until is None else codec.uint(until, MAX_TIME),
        codec.uint(others[0], _MAX_DEVICES) if others else None,
    )


def _enrolled(answer: Cbor) -> Enrolled:
    account, kind, name = codec.array(answer, 3)
    return Enrolled(codec.text(account, 64, least=1), codec.uint(kind, 1), codec.text(name, MAX_NAME_BYTES))


def _account(answer: Cbor) -> Account:
    balance, name, kind, _open = codec.array(answer, 4)
    return Account(codec.uint(balance, MAX_SUM), codec.text(name, MAX_NAME_BYTES), codec.uint(kind, 1))


def _root(answer: Cbor) -> tuple[bytes, bytes]:
    root, directory = codec.array(answer, 2)
    return codec.public_key(root), _directory(directory)


def _directory(value: Cbor) -> bytes:
    """Kept as it is signed; that it can be read at all is seen here."""
    raw = codec.octets(value, most=MAX_DIRECTORY_BYTES)
    parse_directory(raw)
    return raw


def _update(answer: Cbor) -> PolicyUpdate:
    return PolicyUpdate.from_cbor(answer, most=MAX_DELTAS_ONLINE)


def _certified(answer: Cbor) -> Certified:
    certificate, news = codec.array(answer, 2)
    directory, update = codec.array(news, 2)
    return Certified(
        cose.from_cbor(Certificate, certificate),
        None if directory is None else _directory(directory),
        _update(update),
    )


def _delivery(answer: Cbor) -> Delivery:
    after, bundle, rows, remembered = codec.array(answer, 4)
    goes_on = bool(codec.uint(remembered, 1))
    return Delivery(codec.uint(after, _MAX_CURSOR), Bundle.from_cbor(bundle), read_statuses(rows), goes_on)


def _heads(answer: Cbor) -> tuple[LogHead, ...]:
    heads, _evidence = codec.array(answer, 2)
    return tuple(LogHead.from_cbor(value) for value in codec.array(heads, most=_MAX_LOGS))


def _keys(answer: Cbor, most: int) -> frozenset[bytes]:
    return frozenset(codec.public_key(key) for key in codec.array(answer, most=most))


def _proofs(answer: Cbor, after: bytes) -> list[tuple[bytes, bytes]]:
    """Keys with what each signed, in order of key, all later than ``after``. MALFORMED."""
    found: list[tuple[bytes, bytes]] = []
    for row in codec.array(answer, most=_MAX_POSSESSIONS):
        key, proof = codec.array(row, 2)
        require(codec.public_key(key) > after, Code.MALFORMED)
        after = codec.public_key(key)
        found.append((after, codec.octets(proof, SIGNATURE_BYTES)))
    return found
