"""Public keys and what verifies under them: a message, a signature, and the algorithm that a key is of.

Rule: whoever signs or verifies passes messages; what becomes of them before the arithmetic (a digest) is the
algorithm's own business, and lives here for verifying and behind the keystore port for signing. Which algorithm
signs an object is said by the version of its kind (`kinds`), never by the object or its reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from wallet.protocol.bounds import KEY_BYTES, SIGNATURE_BYTES
from wallet.protocol.codes import Code, Refusal

Sign = Callable[[bytes], bytes]
"""A keystore's signature: a message of any length in, the one form of a signature of the key's algorithm out."""

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF_ORDER: Final = (_ORDER // 2).to_bytes(32, "big")
_CURVE: Final = ec.SECP256R1()
_PREHASHED: Final = ec.ECDSA(Prehashed(hashes.SHA256()))
_KEPT: Final = 8192


class Algorithm(Protocol):
    """A signature algorithm: its number in the COSE registry, and what its keys and signatures look like."""

    @property
    def number(self) -> int: ...

    def is_key(self, raw: bytes) -> bool:
        """Whether ``raw`` is the one encoding of a public key."""

    def check_form(self, signature: bytes) -> None:
        """That the bytes could be a signature, in its one form. MALFORMED, or a code of the algorithm's own."""

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether ``key`` made ``signature``, which has the form, over ``message``. False for what is no key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key with its algorithm: ``raw`` is what ``Algorithm.is_key`` knows, 33 bytes for ES256."""

    algorithm: Algorithm
    raw: bytes

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made ``signature`` over ``message``."""
        return self.algorithm.verify(self.raw, message, signature)


@lru_cache(maxsize=_KEPT)
def _parsed(key: bytes) -> ec.EllipticCurvePublicKey | None:
    """The point, decompressed once and kept: that costs a third of a verification, and the same few keys sign most
    of what a device sees."""
    if len(key) != KEY_BYTES or key[0] not in (2, 3):
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, key)
    except ValueError:
        return None


class _Es256:
    """ECDSA with SHA-256 on P-256 (RFC 9053 section 2.1): compressed points (SEC 1 section 2.3.3) and 64 bytes
    r ‖ s with low s."""

    number: Final = -7

    def __repr__(self) -> str:
        return "ES256"

    def is_key(self, raw: bytes) -> bool:
        return _parsed(raw) is not None

    def check_form(self, signature: bytes) -> None:
        """MALFORMED for another length, SIGNATURE_HIGH_S."""
        if len(signature) != SIGNATURE_BYTES:
            raise Refusal(Code.MALFORMED)  # 8.1.4
        if not is_low_s(signature):
            raise Refusal(Code.SIGNATURE_HIGH_S)  # 8.1.9

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        parsed = _parsed(key)
        if parsed is None:
            return False
        try:
            parsed.verify(der_signature(signature), hashlib.sha256(message).digest(), _PREHASHED)
        except InvalidSignature:
            return False
        return True


ES256: Final[Algorithm] = _Es256()
"""The algorithm of every kind's version 1."""


@dataclass(frozen=True, slots=True)
class UnknownAlgorithm:
    """An algorithm that only its number is known of: its keys are kept and passed on, and verify nothing."""

    number: int

    def is_key(self, raw: bytes) -> bool:
        return bool(raw)

    def check_form(self, signature: bytes) -> None:
        raise Refusal(Code.ALGORITHM_UNKNOWN, {"algorithm": self.number})  # 8.1.6

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        return False


ALGORITHMS: Final[Mapping[int, Algorithm]] = {ES256.number: ES256}
"""By COSE number: all that verify here."""


@lru_cache(maxsize=_KEPT)
def p256(raw: bytes) -> PublicKey:
    """The ES256 key with this compressed point. It is not checked: what is no point verifies nothing."""
    return PublicKey(ES256, raw)


def der_signature(signature: bytes) -> bytes:
    """ECDSA-Sig-Value (RFC 3279 section 2.2.3) of r ‖ s. Nearly always r takes 32 or 33 bytes there, and a low s 32:
    then bytes are put together, else integers made."""
    high, low = signature[0], signature[32]
    if high > 0x7F and 0 < low <= 0x7F:
        return b"\x30\x45\x02\x21\x00" + signature[:32] + b"\x02\x20" + signature[32:]
    if high > 0 and 0 < low <= 0x7F:
        return b"\x30\x44\x02\x20" + signature[:32] + b"\x02\x20" + signature[32:]
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


def is_key(raw: bytes) -> bool:
    """Whether ``raw`` is the compressed encoding of a point on P-256."""
    return ES256.is_key(raw)


def is_low_s(signature: bytes) -> bool:
    """Whether s ≤ n/2 in r ‖ s, so that nobody can make a second signature out of a first."""
    return signature[32:] <= _HALF_ORDER
