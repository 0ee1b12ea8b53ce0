"""The keystore port: the few verbs by which the rest of Qalta uses keys it can never see.

Rule: no private byte crosses this port, and nothing here knows which module stands behind it. Every
refusal is a `KeystoreError` with a code from the closed list `KeystoreCode`; its facts are plain
strings and integers and never hold a PIN, a salt or key material.

Keys are NIST P-256 (FIPS 186-5). Signatures are ECDSA with SHA-256 over a message in the fixed 64-byte
form r || s (RFC 9053 section 2.1), with s made low (at most half the group order), so that a third
party cannot turn one valid signature into another.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MAX_ALIAS_CHARACTERS: Final = 64
MAX_COUNT: Final = 2**63 - 1
ALIAS_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._-")


class KeystoreCode(StrEnum):
    """Why a keystore, or the storage that it and a purse lie on (`hsm.storage`), refused. The list is closed; new
    reasons get new codes, never reused ones."""

    ALIAS_UNFIT = "alias_unfit"
    ALIAS_EXISTS = "alias_exists"
    KEY_UNKNOWN = "key_unknown"
    RECORD_UNFIT = "record_unfit"
    RECORD_STALE = "record_stale"
    PIN_UNFIT = "pin_unfit"
    PIN_WRONG = "pin_wrong"
    PIN_BLOCKED = "pin_blocked"
    PIN_EXPOSED = "pin_exposed"
    LOCKED = "locked"
    IN_USE = "in_use"
    NOT_PROVISIONED = "not_provisioned"
    ALREADY_PROVISIONED = "already_provisioned"
    FOLDER_DAMAGED = "folder_damaged"
    STORAGE_FULL = "storage_full"
    STORAGE_READ_ONLY = "storage_read_only"
    STORAGE_FORBIDDEN = "storage_forbidden"
    STORAGE_MISSING = "storage_missing"
    STORAGE_FAULT = "storage_fault"
    FILES_EXHAUSTED = "files_exhausted"
    MODULE_MISSING = "module_missing"
    MODULE_UNFIT = "module_unfit"
    TOKEN_MISSING = "token_missing"
    TOKEN_FULL = "token_full"
    TOKEN_FAULT = "token_fault"


class KeystoreError(Exception):
    """A refusal or failure of the keystore: a code, and facts that are safe to show and to log."""

    def __init__(self, code: KeystoreCode, facts: Mapping[str, str | int] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.facts: Mapping[str, str | int] = MappingProxyType(dict(facts or {}))

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code} ({shown})" if shown else str(self.code)

    def __repr__(self) -> str:
        return f"KeystoreError({self})"


class SessionLost(KeystoreError):
    """A failure below the module: its session or handles are of no use now; another login may be."""


@dataclass(frozen=True, slots=True)
class Record:
    """The purse's step number, last sequence number and 32-byte digest, kept against rollback."""

    step: int
    sequence: int
    digest: bytes

    def __post_init__(self) -> None:
        counts = (self.step, self.sequence)
        if len(self.digest) != DIGEST_BYTES or any(not 0 <= count <= MAX_COUNT for count in counts):
            raise KeystoreError(KeystoreCode.RECORD_UNFIT)


class Keystore(Protocol):
    """Where keys live. Every method may raise `KeystoreError`; all but `lock` refuse once locked."""

    def create_key(self, alias: str) -> bytes:
        """Make a P-256 key that survives a power cut; give its 33-byte compressed public key.

        ALIAS_EXISTS if there is one already, ALIAS_UNFIT if the name is not one.
        """

    def public_key(self, alias: str) -> bytes:
        """The 33-byte compressed public key (SEC 1 section 2.3.3); KEY_UNKNOWN."""

    def aliases(self) -> frozenset[str]:
        """The names of all whole keys."""

    def sign(self, alias: str, message: bytes) -> bytes:
        """Sign a message of any length: 64 bytes r || s, s low; KEY_UNKNOWN."""

    def destroy_key(self, alias: str) -> None:
        """Destroy a key and see that it is gone. No such key is success."""

    def read_record(self) -> Record | None:
        """The record with the highest step, or None before the first."""

    def write_record(self, record: Record) -> None:
        """Make `record` the record, durably. The same again is success; RECORD_STALE if the one kept
        has a higher step, or another content at this step."""

    def confirm_pin(self, pin: str) -> None:
        """Check a PIN under the try counter: PIN_WRONG (facts `tries_left`, and `until` in unix
        seconds once there is a wait, with `seconds` of it where they are few) or PIN_BLOCKED (the same)."""

    def change_pin(self, old: str, new: str) -> None:
        """Replace the PIN. A crash at any point leaves the old or the new one working.

        PIN_WRONG, PIN_BLOCKED for `old`; PIN_UNFIT for `new`.
        """

    def lock(self) -> None:
        """Log out and let go of the folder. Again is success."""


def check_alias(alias: str) -> str:
    """Give `alias` back if it is 1 to 64 of ASCII letters, digits, '.', '_', '-', not beginning with a
    sign; else ALIAS_UNFIT."""
    fits = 1 <= len(alias) <= MAX_ALIAS_CHARACTERS and ALIAS_CHARACTERS.issuperset(alias)
    if not fits or not alias[0].isalnum():
        raise KeystoreError(KeystoreCode.ALIAS_UNFIT)
    return alias


def digest_of(message: bytes) -> bytes:
    """The 32 bytes that ECDSA with SHA-256 signs for `message`: no caller of the port gets to see them."""
    return hashlib.sha256(message).digest()


def low_s(signature: bytes) -> bytes:
    """The same 64-byte r || s signature with s at most half the group order (both verify alike)."""
    s = int.from_bytes(signature[32:], "big")
    if s <= P256_ORDER // 2:
        return signature
    return signature[:32] + (P256_ORDER - s).to_bytes(32, "big")


def check_order(kept: Record | None, record: Record) -> None:
    """RECORD_STALE unless `record` is the one kept, or of a later step."""
    if kept is not None and record != kept and record.step <= kept.step:
        raise KeystoreError(KeystoreCode.RECORD_STALE, {"kept": kept.step, "offered": record.step})
