"""COSE_Sign1 with ES256 (RFC 9052 section 4.2, RFC 9053 section 2.1), and ids that no signature can change.

The protected header holds the algorithm and ``typ`` (RFC 9596), which names kind and version; the unprotected
header is empty; no object carries CBOR tag 18. An object's id is SHA-256(kind ‖ payload).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final, Generic, Protocol, Self, TypeVar

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES, SIGNATURE_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.keys import is_low_s, verify_digest

SignDigest = Callable[[bytes], bytes]
"""A keystore's signature: a 32-byte SHA-256 digest in, 64 bytes r ‖ s with low s out."""

ES256: Final = -7
_ALG: Final = 1
_TYP: Final = 16
_MAX_HEADER_BYTES: Final = 64


class Kind(StrEnum):
    """``typ`` of every signed object: q, two letters, and the version."""

    DIRECTORY = "qbd1"
    POLICY_HEAD = "qph1"
    POLICY_DELTA = "qpd1"
    POLICY_BASE = "qpb1"
    CERTIFICATE = "qwc1"
    ISSUANCE = "qis1"
    REQUEST = "qrq1"
    TRANSFER = "qtr1"
    RECEIPT = "qrc1"
    SETTLEMENT = "qsa1"
    COMMIT = "qcm1"
    CONSUMPTION = "qnc1"
    CALL = "qhc1"
    TIME_WORD = "qtw1"


class Body(Protocol):
    """What is signed: a value with one encoding."""

    KIND: ClassVar[Kind]

    def to_cbor(self) -> Cbor: ...

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self: ...


B = TypeVar("B", bound=Body)


@lru_cache(maxsize=len(Kind))
def _protected(kind: Kind) -> bytes:
    return codec.encode({_ALG: ES256, _TYP: kind.value})


@lru_cache(maxsize=4096)
def _before_payload(kind: Kind, size: int) -> bytes:
    """The Sig_structure up to a payload of ``size`` bytes: ``["Signature1", protected, h'', …``."""
    structure = codec.encode(["Signature1", _protected(kind), b"", bytes(size)])
    return structure[: len(structure) - size]


def signature_structure(kind: Kind, payload: bytes) -> bytes:
    """The bytes that are signed: RFC 9052 section 4.4, with no external data."""
    return _before_payload(kind, len(payload)) + payload


def _digest(kind: Kind, payload: bytes) -> bytes:
    return hashlib.sha256(signature_structure(kind, payload)).digest()


def object_id(kind: Kind, payload: bytes) -> bytes:
    """32 bytes: SHA-256(kind ‖ payload), never of a signature."""
    return hashlib.sha256(kind.encode() + payload).digest()


@dataclass(frozen=True, slots=True)
class Signed(Generic[B]):
    """A body, its payload bytes and the 64-byte signature over them.

    Holding one says nothing about who signed it: that is ``signed_by``.
    """

    body: B
    payload: bytes
    signature: bytes
    id: bytes

    def to_cbor(self) -> Cbor:
        return [_protected(self.body.KIND), {}, self.payload, self.signature]

    def encode(self) -> bytes:
        return codec.encode(self.to_cbor())

    def signed_by(self, key: bytes) -> bool:
        """Whether the compressed P-256 ``key`` made the signature."""
        return verify_digest(key, _digest(self.body.KIND, self.payload), self.signature)


def signing_digest(body: Body) -> bytes:
    """The 32 bytes that a keystore signs for ``body``."""
    return _digest(body.KIND, codec.encode(body.to_cbor()))


def sign(body: B, sign_digest: SignDigest) -> Signed[B]:
    """``body`` signed by a keystore. The same body always has the same id."""
    payload = codec.encode(body.to_cbor())
    signature = sign_digest(_digest(body.KIND, payload))
    if len(signature) != SIGNATURE_BYTES or not is_low_s(signature):
        raise ValueError("a keystore must give 64 bytes r ‖ s with low s")
    return Signed(body, payload, signature, object_id(body.KIND, payload))


def from_cbor(kind: type[B], value: Cbor) -> Signed[B]:
    """Read a COSE_Sign1 of the one kind that is expected here.

    Raises ``Refusal``: MALFORMED, ALGORITHM_UNKNOWN, VERSION_UNKNOWN, KIND_UNEXPECTED, SIGNATURE_HIGH_S, and
    whatever the payload's own fields give.
    """
    protected, unprotected, payload, signature = codec.array(value, 4)
    _check_header(codec.octets(protected), kind.KIND)
    if type(unprotected) is not dict or unprotected:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    codec.octets(payload)
    codec.octets(signature, SIGNATURE_BYTES)
    if not is_low_s(signature):
        raise Refusal(Code.SIGNATURE_HIGH_S)  # 8.1.9
    body = codec.read(payload, MAX_OBJECT_BYTES, kind.from_cbor)
    return Signed(body, payload, signature, object_id(kind.KIND, payload))


def parse(kind: type[B], raw: bytes) -> Signed[B]:
    """Read the bytes of one signed object; raises as ``from_cbor`` and ``codec.decode`` do."""
    return codec.read(raw, MAX_OBJECT_BYTES, lambda value: from_cbor(kind, value))


def _check_header(protected: bytes, expected: Kind) -> None:
    if protected == _protected(expected):
        return
    header = codec.mapping(codec.decode(protected, _MAX_HEADER_BYTES), (_ALG, _TYP))
    typ = codec.text(header[_TYP], 16)
    require(header[_ALG] == ES256 and type(header[_ALG]) is int, Code.ALGORITHM_UNKNOWN)  # 8.1.6
    if typ[:3] == expected.value[:3]:
        raise Refusal(Code.VERSION_UNKNOWN)  # 8.1.7
    raise Refusal(Code.KIND_UNEXPECTED)  # 8.1.8
