"""COSE_Sign1 (RFC 9052 section 4.2), and ids that no signature can change.

The protected header holds the algorithm and ``typ`` (RFC 9596), which names kind and version; the unprotected
header is empty; no object carries CBOR tag 18. An object's id is SHA-256(kind ‖ payload).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, Generic, Protocol, Self, TypeVar

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_KIND_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.keys import PublicKey, Sign
from wallet.protocol.kinds import KINDS, Kind

_ALG: Final = 1
_TYP: Final = 16
_MAX_HEADER_BYTES: Final = 64
_KEPT_KINDS: Final = 64


class Body(Protocol):
    """Body of a signed object: a value with one encoding."""

    KIND: ClassVar[Kind]

    def to_cbor(self) -> Cbor: ...

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self: ...


B = TypeVar("B", bound=Body)
B_co = TypeVar("B_co", bound=Body, covariant=True)


@lru_cache(maxsize=_KEPT_KINDS)
def _protected(kind: Kind) -> bytes:
    return codec.encode({_ALG: kind.algorithm.number, _TYP: kind.typ})


@lru_cache(maxsize=4096)
def _before_payload(kind: Kind, size: int) -> bytes:
    """The Sig_structure up to a payload of ``size`` bytes: ``["Signature1", protected, h'', …``."""
    structure = codec.encode(["Signature1", _protected(kind), b"", bytes(size)])
    return structure[: len(structure) - size]


def signature_structure(kind: Kind, payload: bytes) -> bytes:
    """The bytes that are signed: RFC 9052 section 4.4, with no external data."""
    return _before_payload(kind, len(payload)) + payload


def object_id(kind: Kind, payload: bytes) -> bytes:
    """32 bytes: SHA-256(kind ‖ payload), never of a signature."""
    return hashlib.sha256(kind.typ.encode() + payload).digest()


@dataclass(frozen=True, slots=True)
class Signed(Generic[B_co]):
    """A body, its payload bytes and the signature over them.

    Holding one says nothing about who signed it: that is ``signed_by``.
    """

    body: B_co
    payload: bytes
    signature: bytes
    id: bytes

    def to_cbor(self) -> Cbor:
        return [_protected(self.body.KIND), {}, self.payload, self.signature]

    def encode(self) -> bytes:
        """Canonical CBOR of the signed object, as it travels. SPEC 2."""
        return codec.encode(self.to_cbor())

    def signed_by(self, key: PublicKey) -> bool:
        """Whether ``key`` made the signature; a key of another algorithm than the kind's made none."""
        kind, payload = self.body.KIND, self.payload
        if key.algorithm is not kind.algorithm:
            return False
        return key.verify(_before_payload(kind, len(payload)) + payload, self.signature)


def sign(body: B, sign: Sign) -> Signed[B]:
    """``body`` signed by a keystore's key of the kind's algorithm. The same body always has the same id."""
    kind, payload = body.KIND, codec.encode(body.to_cbor())
    signature = sign(signature_structure(kind, payload))
    try:
        kind.algorithm.check_form(signature)
    except Refusal as refusal:
        raise ValueError(f"a keystore must give a {kind.algorithm} signature in its one form") from refusal
    return Signed(body, payload, signature, object_id(kind, payload))


def from_cbor(kind: type[B], value: Cbor) -> Signed[B]:
    """Read a COSE_Sign1 of the one kind that is expected here.

    Raises ``Refusal``: MALFORMED, ALGORITHM_UNKNOWN, VERSION_UNKNOWN, KIND_UNEXPECTED, SIGNATURE_HIGH_S, and
    whatever the payload's own fields give.
    """
    protected, unprotected, payload, signature = codec.array(value, 4)
    if codec.octets(protected) != _protected(kind.KIND):
        _check_header(protected, (kind.KIND,))
    return _read(kind, unprotected, payload, signature)


def one_of(kinds: Sequence[type[B]], value: Cbor) -> Signed[B]:
    """Read a COSE_Sign1 of any of these, which may be versions of one kind. Raises as ``from_cbor``."""
    protected, unprotected, payload, signature = codec.array(value, 4)
    _check_header(codec.octets(protected), [kind.KIND for kind in kinds])
    (found,) = [kind for kind in kinds if protected == _protected(kind.KIND)]
    return _read(found, unprotected, payload, signature)


def _read(expected: type[B], unprotected: Cbor, payload: Cbor, signature: Cbor) -> Signed[B]:
    kind = expected.KIND
    if type(unprotected) is not dict or unprotected:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    codec.octets(payload)
    kind.algorithm.check_form(codec.octets(signature))
    body = codec.read(payload, kind.most, expected.from_cbor)
    return Signed(body, payload, signature, object_id(kind, payload))


def parse(kind: type[B], raw: bytes) -> Signed[B]:
    """Read the bytes of one signed object; raises as ``from_cbor`` and ``codec.decode`` do."""
    return codec.read(raw, kind.KIND.most, lambda value: from_cbor(kind, value))


def _check_header(protected: bytes, expected: Sequence[Kind]) -> None:
    """That it is the header of one of these. Of a ``typ`` that is not known here its version is told, and not its
    algorithm, which is the version's own business."""
    for kind in expected:
        if protected == _protected(kind):
            return
    header = codec.mapping(codec.decode(protected, _MAX_HEADER_BYTES), (_ALG, _TYP))
    typ = codec.text(header[_TYP], MAX_KIND_BYTES)
    if typ in [kind.typ for kind in (*expected, *KINDS) if not _is_of(kind, header[_ALG])]:
        raise Refusal(Code.ALGORITHM_UNKNOWN, {"kind": typ})  # 8.1.6
    if typ[:3] in [kind.letters for kind in expected]:
        raise Refusal(Code.VERSION_UNKNOWN, {"kind": typ})  # 8.1.7
    raise Refusal(Code.KIND_UNEXPECTED, {"kind": typ})  # 8.1.8


def _is_of(kind: Kind, algorithm: Cbor) -> bool:
    return type(algorithm) is int and algorithm == kind.algorithm.number
