"""P-256 public keys: compressed points (SEC 1 section 2.3.3), decompressed once and kept.

Decompressing costs a third of a verification, and the same few keys sign most of what a device sees.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from wallet.protocol.bounds import KEY_BYTES

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF_ORDER: Final = (_ORDER // 2).to_bytes(32, "big")
_CURVE: Final = ec.SECP256R1()
_PREHASHED: Final = ec.ECDSA(Prehashed(hashes.SHA256()))
_KEPT: Final = 8192


@lru_cache(maxsize=_KEPT)
def _parsed(key: bytes) -> ec.EllipticCurvePublicKey | None:
    if len(key) != KEY_BYTES or key[0] not in (2, 3):
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, key)
    except ValueError:
        return None


def is_key(key: bytes) -> bool:
    """Whether ``key`` is the compressed encoding of a point on P-256."""
    return _parsed(key) is not None


def is_low_s(signature: bytes) -> bool:
    """Whether s ≤ n/2 in r ‖ s, so that nobody can make a second signature out of a first."""
    return signature[32:] <= _HALF_ORDER


def verify_digest(key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (64 bytes r ‖ s) over the SHA-256 ``digest`` is by the compressed P-256 ``key``."""
    parsed = _parsed(key)
    if parsed is None:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        parsed.verify(der, digest, _PREHASHED)
    except InvalidSignature:
        return False
    return True
