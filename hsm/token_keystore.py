"""The keystore port over a PKCS#11 token.

Rule: what was answered is on disk. A key being made is noted before and un-noted after, so that a crash
leaves either a whole key or a note by which the next opening sweeps it away. A record is made before
its predecessor is destroyed. A PIN change is prepared in full, made in the token, then adopted. The
PIN is confirmed against our verifier; the one C_Login happens when the keystore is opened.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from hsm.critical import critical
from hsm.durable import storage
from hsm.failpoint import reach
from hsm.folder import Folder, Settings
from hsm.keystore import (
    DIGEST_BYTES,
    KeystoreCode,
    KeystoreError,
    Record,
    check_alias,
    check_digest,
    check_order,
    low_s,
)
from hsm.pin import SALT_BYTES, PinKeys, check_fit, derive
from hsm.pkcs11_store import Carrier, TokenSession
from hsm.profiles import RecordForm
from hsm.running import Running, Upkeep, leave
from hsm.tries import TryCounter

RECORD_CHECK_BYTES: Final = 8
RECORD_BODY_BYTES: Final = 16 + DIGEST_BYTES + RECORD_CHECK_BYTES
RECORD_DOMAIN: Final = b"qalta/record/v1"
SELF_CHECK_DIGEST: Final = hashlib.sha256(b"qalta/self-check/v1").digest()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A whole key: the module's private object, and the compressed public key."""

    private: Any
    public: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The record, and the object that carries it."""

    record: Record
    carrier: Carrier


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an opened keystore stands on; it owns the descriptor, the session and its use of the module."""

    folder: Folder
    settings: Settings
    descriptor: int
    running: Running
    session: TokenSession
    upkeep: Upkeep
    counter: TryCounter
    random: Callable[[int], bytes]


class TokenKeystore:
    """A `hsm.Keystore` over one PKCS#11 token. Made by `hsm.open_keystore`; safe for threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts: Parts | None = parts
        self._settings = parts.settings
        self._process = os.getpid()
        self._pin_lock = threading.Lock()
        self._keys: dict[str, TokenKey] = {}
        self._kept: Kept | None = None
        with self._visit():
            for name in parts.folder.in_making():
                self._sweep_key(parts, name)
            self._load_keys(parts)
            self._newest(parts)

    def __repr__(self) -> str:
        return f"TokenKeystore({self._settings.label!r}, {'locked' if self._parts is None else 'open'})"

    def create_key(self, alias: str) -> bytes:
        name = check_alias(alias)
        with self._visit() as parts:
            if parts.folder.is_in_making(name):
                self._sweep_key(parts, name)
            if name in self._keys or parts.session.has_private(name.encode()):
                self._load_keys(parts)
                raise KeystoreError(KeystoreCode.ALIAS_EXISTS, {"alias": name})
            parts.folder.begin_making(name)
            reach("keystore.create.noted")
            key = self._make(parts, name)
            parts.folder.end_making(name)
            reach("keystore.create.done")
            self._keys[name] = key
            return key.public

    def public_key(self, alias: str) -> bytes:
        with self._visit():
            return self._key(alias).public

    def aliases(self) -> frozenset[str]:
        with self._visit():
            return frozenset(self._keys)

    def sign_digest(self, alias: str, digest: bytes) -> bytes:
        check_digest(digest)
        with self._visit() as parts:
            signature = low_s(parts.session.sign(self._key(alias).private, digest))
        reach("keystore.sign.done")
        return signature

    def destroy_key(self, alias: str) -> None:
        name = check_alias(alias)
        with self._visit() as parts:
            self._keys.pop(name, None)
            parts.session.destroy(name.encode())
            reach("keystore.destroy.destroyed")
            parts.upkeep.settle()
            reach("keystore.destroy.done")

    def read_record(self) -> Record | None:
        with self._visit() as parts:
            kept = self._newest(parts)
            return kept.record if kept else None

    def write_record(self, record: Record) -> None:
        with self._visit() as parts:
            old = self._newest(parts)
            check_order(old.record if old else None, record)
            if old is not None and old.record == record:
                return
            self._kept = None
            carrier = _add_carrier(parts, encode_record(record))
            reach("keystore.record.created")
            parts.upkeep.settle()
            reach("keystore.record.synced")
            if old is not None:
                parts.session.drop_carrier(old.carrier)
                reach("keystore.record.dropped")
            self._kept = Kept(record, carrier)

    def confirm_pin(self, pin: str) -> None:
        with self._pin_lock, storage():
            self._check_pin(self._open_parts(), pin)

    def change_pin(self, old: str, new: str) -> None:
        check_fit(new)
        with self._pin_lock, storage():
            parts = self._open_parts()
            present = self._check_pin(parts, old)
            if parts.folder.next_settings() is not None:
                raise KeystoreError(KeystoreCode.TOKEN_FAULT, {"cause": "earlier PIN change did not end"})
            salt = parts.random(SALT_BYTES)
            wanted = derive(new, salt, self._settings.cost)
            settings = replace(self._settings, salt=salt, verifier=wanted.verifier)
            with critical():
                self._open_parts().folder.prepare_next(settings)
                parts.session.set_pin(present.pkcs11_pin, wanted.pkcs11_pin)
                reach("keystore.pin.set")
                parts.upkeep.pin_changed()
                reach("keystore.pin.backed-up")
                parts.folder.adopt_next()
                reach("keystore.pin.adopted")
                self._settings = settings

    def lock(self) -> None:
        if os.getpid() != self._process:
            return
        with critical():
            parts, self._parts = self._parts, None
            self._keys.clear()
            self._kept = None
            if parts is None:
                return
            try:
                parts.session.close()
            finally:
                try:
                    leave(parts.running)
                finally:
                    os.close(parts.descriptor)

    @contextmanager
    def _visit(self) -> Iterator[Parts]:
        self._open_parts()
        with critical(), storage():
            yield self._open_parts()

    def _open_parts(self) -> Parts:
        parts = self._parts
        if parts is None or os.getpid() != self._process:
            raise KeystoreError(KeystoreCode.LOCKED)
        return parts

    def _key(self, alias: str) -> TokenKey:
        try:
            return self._keys[alias]
        except KeyError:
            raise KeystoreError(KeystoreCode.KEY_UNKNOWN, {"alias": check_alias(alias)}) from None

    def _check_pin(self, parts: Parts, pin: str) -> PinKeys:
        parts.counter.begin()
        keys = derive(pin, self._settings.salt, self._settings.cost)
        if not hmac.compare_digest(keys.verifier, self._settings.verifier):
            raise parts.counter.wrong()
        parts.counter.right()
        return keys

    def _make(self, parts: Parts, name: str) -> TokenKey:
        private, public = parts.session.generate(name.encode())
        reach("keystore.create.made")
        parts.upkeep.settle()
        reach("keystore.create.synced")
        if not agrees(public, parts.session.sign(private, SELF_CHECK_DIGEST)):
            raise KeystoreError(KeystoreCode.TOKEN_FAULT, {"cause": "key pair does not agree"})
        return TokenKey(private, public)

    def _sweep_key(self, parts: Parts, name: str) -> None:
        """Destroy a key whose making did not end: it was never given to anybody."""
        self._keys.pop(name, None)
        parts.session.destroy(name.encode())
        reach("keystore.sweep.destroyed")
        parts.upkeep.settle()
        parts.folder.end_making(name)

    def _load_keys(self, parts: Parts) -> None:
        """Learn the token's whole keys; remove public halves that a cut-off destruction left."""
        points = parts.session.public_points()
        privates = parts.session.private_keys()
        for key_id in points.keys() - privates.keys():
            parts.session.destroy_public(key_id)
        self._keys = {
            key_id.decode("ascii", "replace"): TokenKey(private, points[key_id])
            for key_id, private in privates.items()
            if key_id in points
        }

    def _newest(self, parts: Parts) -> Kept | None:
        """The record as last written here, or else as the token has it; older ones are swept away."""
        if self._kept is None:
            found = [(decode_record(carrier.body), carrier) for carrier in _carriers(parts)]
            whole = [Kept(record, carrier) for record, carrier in found if record is not None]
            newest = max(whole, key=lambda kept: kept.record.step, default=None)
            for _, carrier in found:
                if newest is None or carrier is not newest.carrier:
                    parts.session.drop_carrier(carrier)
            self._kept = newest
        return self._kept


def encode_record(record: Record) -> bytes:
    """56 bytes: step (8), sequence (8), digest (32), and 8 bytes that tell a whole one from a torn one."""
    content = record.step.to_bytes(8, "big") + record.sequence.to_bytes(8, "big") + record.digest
    return content + hashlib.sha256(RECORD_DOMAIN + content).digest()[:RECORD_CHECK_BYTES]


def decode_record(body: bytes) -> Record | None:
    """The record in a carrier's body, or None if the body is not whole."""
    if len(body) != RECORD_BODY_BYTES:
        return None
    step, sequence = int.from_bytes(body[:8], "big"), int.from_bytes(body[8:16], "big")
    try:
        record = Record(step, sequence, body[16 : 16 + DIGEST_BYTES])
    except KeystoreError:
        return None
    return record if encode_record(record) == body else None


def agrees(public: bytes, signature: bytes) -> bool:
    """Whether a signature over the self-check digest verifies: a new pair is tried before it is given."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), SELF_CHECK_DIGEST, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def _carriers(parts: Parts) -> list[Carrier]:
    match parts.running.profile.record_form:
        case RecordForm.DATA_OBJECT:
            return parts.session.data_carriers()
        case RecordForm.MARKER_KEY:
            return parts.session.key_carriers()


def _add_carrier(parts: Parts, body: bytes) -> Carrier:
    match parts.running.profile.record_form:
        case RecordForm.DATA_OBJECT:
            return parts.session.add_data_carrier(body)
        case RecordForm.MARKER_KEY:
            return parts.session.add_key_carrier(body)
