"""The keys of a token: which of them are whole, and whether the two halves of a new one agree.

Rule: a key counts only with both halves, and only while neither its making nor its destruction is noted as under way.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from hsm.entrance import Parts

SELF_CHECK_DIGEST: Final = hashlib.sha256(b"qalta/self-check/v1").digest()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A whole key: the module's private object, and the compressed public key."""

    private: Any
    public: bytes


def whole_keys(parts: Parts) -> dict[str, TokenKey]:
    """The token's keys with both halves, without those that are being made or destroyed."""
    points, noted = parts.session.public_points(), parts.folder.in_making()
    keys = {
        key_id.decode("ascii", "replace"): TokenKey(private, points[key_id])
        for key_id, private in parts.session.private_keys().items()
        if key_id in points
    }
    return {name: key for name, key in keys.items() if name not in noted}


def agrees(public: bytes, signature: bytes) -> bool:
    """Whether a signature over the self-check digest verifies: a new pair is tried before it is given."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), SELF_CHECK_DIGEST, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True
