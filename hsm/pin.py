"""From a person's PIN to what the token and we ask for; nothing here is stored in clear.

Rule: scrypt (RFC 7914) once over PIN and salt, then two HMAC-SHA-256 outputs in different domains:
the PKCS#11 PIN, which only the module sees, and the verifier, which we keep to check a PIN without a
second C_Login (SoftHSM rewrites its token at every login). The verifier gives away nothing that
guessing against the token would not: both cost one scrypt a guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError

SALT_BYTES: Final = 16
MIN_PIN_CHARACTERS: Final = 4
MAX_PIN_CHARACTERS: Final = 128
MAX_PIN_FILE_BYTES: Final = 1024
MAX_SCRYPT_MEMORY: Final = 2**30
PKCS11_DOMAIN: Final = b"qalta/pkcs11-pin/v1"
VERIFIER_DOMAIN: Final = b"qalta/pin-verifier/v1"


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """scrypt's N, r and p; memory is 128 * N * r bytes."""

    n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        power_of_two = self.n > 1 and self.n & (self.n - 1) == 0
        if not power_of_two or not 1 <= self.r <= 32 or not 1 <= self.p <= 16:
            raise KeystoreError(KeystoreCode.PIN_UNFIT, {"what": "scrypt cost"})
        if 128 * self.n * self.r > MAX_SCRYPT_MEMORY:
            raise KeystoreError(KeystoreCode.PIN_UNFIT, {"what": "scrypt cost"})


PERSON_COST: Final = ScryptCost(n=2**15, r=8, p=3)
"""For a PIN that a person remembers. One of the equivalent settings of OWASP's Password Storage Cheat
Sheet, the one that takes 32 MiB: a phone has that, and a guess still costs a large part of a second."""

RANDOM_PIN_COST: Final = ScryptCost(n=2**4, r=8, p=1)
"""For a PIN that is itself at least 128 random bits (a service's, given by a file), where stretching
adds nothing. Never for a PIN that a person remembers."""


@dataclass(frozen=True, slots=True)
class PinKeys:
    """What one PIN and salt give: the PIN for the module and the verifier for us."""

    pkcs11_pin: str = field(repr=False)
    verifier: bytes = field(repr=False)


def derive(pin: str, salt: bytes, cost: ScryptCost) -> PinKeys:
    """Stretch `pin`: a 43-character PKCS#11 PIN (256 bits, base64url) and a 32-byte verifier."""
    memory = 128 * cost.n * cost.r * 2 + 1024 * 1024
    root = hashlib.scrypt(
        _normal(pin).encode(), salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=memory, dklen=32
    )
    module_pin = hmac.digest(root, PKCS11_DOMAIN, "sha256")
    verifier = hmac.digest(root, VERIFIER_DOMAIN, "sha256")
    return PinKeys(base64.urlsafe_b64encode(module_pin).rstrip(b"=").decode(), verifier)


def check_fit(pin: str) -> str:
    """Give `pin` back if it may become one: 4 to 128 printable characters; else PIN_UNFIT."""
    normal = _normal(pin)
    if not MIN_PIN_CHARACTERS <= len(normal) <= MAX_PIN_CHARACTERS or not normal.isprintable():
        facts = {"at_least": MIN_PIN_CHARACTERS, "at_most": MAX_PIN_CHARACTERS}
        raise KeystoreError(KeystoreCode.PIN_UNFIT, facts)
    return pin


def pin_from_descriptor(descriptor: int) -> str:
    """Read a PIN from an open file descriptor to its end; one final newline is not part of it."""
    content = b""
    while piece := os.read(descriptor, MAX_PIN_FILE_BYTES + 1 - len(content)):
        content += piece
        if len(content) > MAX_PIN_FILE_BYTES:
            raise KeystoreError(KeystoreCode.PIN_UNFIT, {"at_most": MAX_PIN_CHARACTERS})
    try:
        pin = content.decode()
    except UnicodeDecodeError:
        raise KeystoreError(KeystoreCode.PIN_UNFIT) from None
    return check_fit(pin.removesuffix("\n").removesuffix("\r"))


def pin_from_file(path: Path) -> str:
    """Read a service's PIN from a file that nobody but its owner may read; else PIN_EXPOSED."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise KeystoreError(KeystoreCode.PIN_EXPOSED)
        return pin_from_descriptor(descriptor)
    finally:
        os.close(descriptor)


def _normal(pin: str) -> str:
    try:
        pin.encode()
    except UnicodeEncodeError:
        raise KeystoreError(KeystoreCode.PIN_UNFIT) from None
    return unicodedata.normalize("NFC", pin)
