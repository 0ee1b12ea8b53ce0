"""Keystores of every kind, made and opened alike, for the tests of `hsm`."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

import hsm
from hsm.memory import MemoryKeystore
from hsm.profiles import PROFILES

ROOT = Path(__file__).parents[2]
PIN = "4711-тенге"
OTHER_PIN = "0815-теңге"
NOW = 1_800_000_000
KINDS = ("memory", *PROFILES)
MODULES = tuple(PROFILES)
OPENED: list[hsm.Keystore] = []
"""What a test opened; locked after it, so that a failed test leaves the module to the next."""


@dataclass
class Hand:
    """A clock that stands until it is moved."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


class Home(Protocol):
    """A keystore that can be closed and opened again."""

    clock: Hand

    def open(self, pin: str = PIN) -> hsm.Keystore: ...


@dataclass
class FolderHome:
    """A keystore in a folder, with the fast scrypt setting."""

    folder: Path
    kind: str = "softhsm"
    tokens: Path | None = None
    clock: Hand = field(default_factory=Hand)
    is_shared: bool = False

    def make(self, pin: str = PIN) -> FolderHome:
        hsm.provision(
            self.folder,
            pin,
            random=os.urandom,
            clock=self.clock,
            module=PROFILES[self.kind],
            cost=hsm.RANDOM_PIN_COST,
            tokens=self.tokens,
        )
        return self

    def open(self, pin: str = PIN) -> hsm.Keystore:
        opened = hsm.open_keystore(
            self.folder, pin, clock=self.clock, random=os.urandom, is_shared=self.is_shared
        )
        OPENED.append(opened)
        return opened


@dataclass
class MemoryHome:
    """A keystore in memory that outlives `lock`."""

    clock: Hand = field(default_factory=Hand)
    keystore: MemoryKeystore = field(init=False)

    def __post_init__(self) -> None:
        self.keystore = MemoryKeystore(random.Random(1).randbytes, pin=PIN, clock=self.clock)

    def open(self, pin: str = PIN) -> MemoryKeystore:
        self.keystore = self.keystore.reopen(pin)
        return self.keystore


def make_home(kind: str, folder: Path) -> Home:
    return MemoryHome() if kind == "memory" else FolderHome(folder, kind).make()


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def message(text: str) -> bytes:
    """Longer than a digest, so that nothing takes it for one."""
    return text.encode() * 50


def verifies(public: bytes, said: bytes, signature: bytes) -> bool:
    """An independent check of a signature by OpenSSL."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), said, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def record(step: int) -> hsm.Record:
    return hsm.Record(step, step * 2, digest(f"step {step}"))


def refused(action: Callable[[], object]) -> hsm.KeystoreError:
    """The refusal that an action must end in."""
    try:
        action()
    except hsm.KeystoreError as error:
        return error
    raise AssertionError("it was not refused")
