"""Bare verifications: what OpenSSL alone takes for the signatures of something, with nothing left to prepare.

Key objects (one a key), digests and DER are ready, and each key object was used before, which makes OpenSSL finish
it; what remains is one P-256 verification each, called from Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from app.bench.throwaway import Chain
from wallet.protocol.cose import Signed, signature_structure

_PREHASHED: Final = ec.ECDSA(Prehashed(hashes.SHA256()))


@dataclass(frozen=True, slots=True)
class Bare:
    """One verification, ready to run."""

    key: ec.EllipticCurvePublicKey
    der: bytes
    digest: bytes


def bare(signed: Iterable[tuple[Signed[Any], bytes]]) -> list[Bare]:
    """The signatures of objects by compressed P-256 keys, checked once. Raises ``InvalidSignature``."""
    objects: dict[bytes, ec.EllipticCurvePublicKey] = {}
    ready = []
    for item, key in signed:
        if key not in objects:
            objects[key] = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        r, s = (int.from_bytes(half, "big") for half in (item.signature[:32], item.signature[32:]))
        digest = hashlib.sha256(signature_structure(item.body.KIND, item.payload)).digest()
        ready.append(Bare(objects[key], encode_dss_signature(r, s), digest))
    verify_all(ready)
    return ready


def signatures(chain: Chain, bank: bytes, issuing: bytes, *, with_requests: bool = False) -> list[Bare]:
    """Every signature in what a chain's holder hands over, of any kind: certificates, issuance, transfers.

    ``with_requests``: those of the requests too, which are uploaded but not paid with.
    """
    signed: list[tuple[Signed[Any], bytes]] = [(item, bank) for item in chain.payment.certificates]
    signed.append((chain.issuance, issuing))
    signed += [(made, payer.key.public) for made, payer in zip(chain.transfers, chain.payers, strict=True)]
    if with_requests:
        signed += [(request, request.body.key) for request in chain.requests]
    return bare(signed)


def verify_all(bare: Iterable[Bare]) -> None:
    """Raises ``InvalidSignature`` if one is not what it says."""
    for item in bare:
        item.key.verify(item.der, item.digest, _PREHASHED)
