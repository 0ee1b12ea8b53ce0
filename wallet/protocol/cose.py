"""COSE_Sign1 (RFC 9052 section 4.2), and ids that no signature can change.

The protected header holds the algorithm and ``typ`` (RFC 9596), which names kind and version; no object carries CBOR
tag 18. What is signed alone has an empty unprotected header. What is signed with many others (``leaf``) is a receipt
of RFC 9942, with the object where the receipt leaves its payload out. An object's id is SHA-256(kind ‖ payload).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar, cast

from wallet.protocol import codec, leaf
from wallet.protocol.bounds import MAX_KIND_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.keys import PublicKey, Sign
from wallet.protocol.kinds import CERTIFICATE, KINDS, Kind, Signing
from wallet.protocol.leaf import ALG, TYP, Extent, Leaf
from wallet.protocol.merkle import each_way_once

_MAX_HEADER_BYTES: Final = 64
_KEPT_KINDS: Final = 64
_KEPT_HEADERS: Final = 1024
_KEPT_BODIES: Final = {CERTIFICATE: 8192}
"""Bodies that are read once while they are in use: the same few certificates come with most of what a device sees."""


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
    return codec.encode({ALG: kind.algorithm.number, TYP: kind.typ})


@lru_cache(maxsize=_KEPT_KINDS)
def _around(kind: Kind) -> int:
    """Bytes of a signed object but for payload and signature."""
    return len(codec.encode([_protected(kind), {}]))


@lru_cache(maxsize=4096)
def _before_payload(kind: Kind, size: int) -> bytes:
    """The Sig_structure up to a payload of ``size`` bytes: ``["Signature1", protected, h'', …``."""
    structure = codec.encode(["Signature1", _protected(kind), b"", bytes(size)])
    return structure[: len(structure) - size]


def head_structure(kind: Kind, extent: Extent, root: bytes) -> bytes:
    """The bytes that are signed of a tree: RFC 9942 has its root for the payload."""
    return codec.encode(["Signature1", leaf.protected(kind, extent), b"", root])


IsHead = Callable[[PublicKey, Kind, Leaf, bytes, bytes], bool]
"""Whether a key signed the head of a tree of this kind, in which this payload stands there, with this signature."""


def is_head_of(key: PublicKey, kind: Kind, extent: Extent, root: bytes, signature: bytes) -> bool:
    """Whether ``key`` signed the head of a tree of this extent and root."""
    return key.algorithm is kind.algorithm and key.verify(head_structure(kind, extent, root), signature)


def is_head_over(key: PublicKey, kind: Kind, place: Leaf, payload: bytes, signature: bytes) -> bool:
    """Whether ``key`` signed the head of the tree in which this stands there."""
    return is_head_of(key, kind, place.extent, place.root(payload), signature)


def each_head_once() -> IsHead:
    """``is_head_over`` for who checks many objects: a signature is verified once for all that stand under it, and what
    their paths have in common is followed once. It grows with what it is asked, and is to last no longer than the call
    that checks them."""
    is_signed, follow = cache(is_head_of), each_way_once()

    def is_head(key: PublicKey, kind: Kind, place: Leaf, payload: bytes, signature: bytes) -> bool:
        return is_signed(key, kind, place.extent, place.root(payload, follow), signature)

    return is_head


def signature_structure(kind: Kind, payload: bytes) -> bytes:
    """The bytes that are signed: RFC 9052 section 4.4, with no external data."""
    return _before_payload(kind, len(payload)) + payload


def object_id(kind: Kind, payload: bytes) -> bytes:
    """32 bytes: SHA-256(kind ‖ payload), never of a signature."""
    return hashlib.sha256(kind.typ.encode() + payload).digest()


@dataclass(frozen=True, slots=True)
class Signed(Generic[B_co]):
    """A body, its payload bytes and the signature over them, or over the head of the tree that they stand in.

    Holding one says nothing about who signed it: that is ``signed_by``.
    """

    body: B_co
    payload: bytes
    signature: bytes
    id: bytes
    leaf: Leaf | None = None

    def to_cbor(self) -> Cbor:
        if self.leaf is None:
            return [_protected(self.body.KIND), {}, self.payload, self.signature]
        header = leaf.protected(self.body.KIND, self.leaf.extent)
        return [header, self.leaf.to_cbor(), self.payload, self.signature]

    def size(self) -> int:
        """Bytes of ``encode``."""
        if self.leaf is None:
            around = _around(self.body.KIND)
        else:
            header = leaf.protected(self.body.KIND, self.leaf.extent)
            around = 1 + codec.string_size(len(header)) + self.leaf.length()
        return around + codec.string_size(len(self.payload)) + codec.string_size(len(self.signature))

    def seal(self) -> bytes:
        """What is kept beside the payload, so that ``unsealed`` gives the object again: the signature alone, or of what
        is signed in a tree the encoded ``[protected, unprotected, signature]``."""
        if self.leaf is None:
            return self.signature
        protected, unprotected, _, signature = self.to_cbor()
        return codec.encode_in_order([protected, unprotected, signature])

    def encode(self) -> bytes:
        """Canonical CBOR of the signed object, as it travels. SPEC 2."""
        return codec.encode_in_order(self.to_cbor())

    def signed_by(self, key: PublicKey, is_head: IsHead = is_head_over) -> bool:
        """Whether ``key`` made the signature; a key of another algorithm than the kind's made none. ``is_head`` of
        ``each_head_once`` where many are checked."""
        kind, payload = self.body.KIND, self.payload
        if self.leaf is not None:
            return is_head(key, kind, self.leaf, payload, self.signature)
        if key.algorithm is not kind.algorithm:
            return False
        return key.verify(_before_payload(kind, len(payload)) + payload, self.signature)

    def signed_at(self, own: int) -> int:
        """When it was signed (unix seconds): its ``own`` time, or that of the tree's head."""
        return own if self.leaf is None else self.leaf.extent.time


def sign(body: B, sign: Sign) -> Signed[B]:
    """``body`` signed alone by a keystore's key of the kind's algorithm. The same body always has the same id."""
    kind, payload = body.KIND, codec.encode(body.to_cbor())
    if kind.signing is not Signing.ALONE:
        raise ValueError(f"{kind} is signed in a tree")
    return Signed(
        body, payload, made(kind, sign, signature_structure(kind, payload)), object_id(kind, payload)
    )


def made(kind: Kind, sign: Sign, message: bytes) -> bytes:
    """A keystore's signature of ``message``. ``ValueError``: not in the one form of the kind's algorithm."""
    signature = sign(message)
    try:
        kind.algorithm.check_form(signature)
    except Refusal as refusal:
        raise ValueError(f"a keystore must give a {kind.algorithm} signature in its one form") from refusal
    return signature


def unsealed(body: B, payload: bytes, seal: bytes, name: bytes) -> Signed[B]:
    """An object that was kept as body, payload, ``Signed.seal`` and id; without a seal it is signed by nobody.

    Raises the codes of SPEC 8.1 where the seal is damaged.
    """
    if body.KIND.signing is Signing.ALONE or not seal:
        return Signed(body, payload, seal, name)

    def read(value: Cbor) -> Signed[B]:
        protected, unprotected, signature = codec.array(value, 3)
        _, extent = recognised((type(body),), codec.octets(protected))
        place = None if extent is None else Leaf.from_cbor(unprotected, extent)
        return Signed(body, payload, codec.octets(signature), name, place)

    return codec.read(seal, body.KIND.most, read)


def from_cbor(kind: type[B], value: Cbor) -> Signed[B]:
    """Read a COSE_Sign1 of the one kind that is expected here.

    Raises ``Refusal``: MALFORMED, ALGORITHM_UNKNOWN, VERSION_UNKNOWN, KIND_UNEXPECTED, SIGNATURE_HIGH_S, and
    whatever the payload's own fields give.
    """
    return one_of((kind,), value)


def one_of(kinds: Sequence[type[B]], value: Cbor) -> Signed[B]:
    """Read a COSE_Sign1 of any of these, which may be versions of one kind. Raises as ``from_cbor``."""
    protected, unprotected, payload, signature = codec.array(value, 4)
    kind, extent = recognised(kinds, codec.octets(protected))
    return _read(kind, extent, unprotected, payload, signature)


def recognised(kinds: Sequence[type[B]], protected: bytes) -> tuple[type[B], Extent | None]:
    """The one of ``kinds`` whose protected header this is, and the extent in it of a tree that is signed. Of a ``typ``
    that is not known here its version is told, and not its algorithm, which is the version's own business."""
    for kind in kinds:
        if kind.KIND.signing is Signing.ALONE and protected == _protected(kind.KIND):
            return kind, None
    return _in_tree(tuple(kinds), protected)


@lru_cache(maxsize=_KEPT_HEADERS)
def _in_tree(kinds: tuple[type[Any], ...], protected: bytes) -> tuple[type[Any], Extent]:
    """As ``recognised``, of what is signed in a tree: all that stand in one have one header."""
    header = codec.decode(protected, _MAX_HEADER_BYTES)
    _check_header(header, [kind.KIND for kind in kinds])
    (found,) = [kind for kind in kinds if kind.KIND.typ == header[TYP]]
    if found.KIND.signing is Signing.ALONE:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    return found, leaf.read_extent(found.KIND, header)


def _check_header(header: Cbor, expected: Sequence[Kind]) -> None:
    """That it names one of these, with its algorithm."""
    if type(header) is not dict or ALG not in header or TYP not in header:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    typ = codec.text(header[TYP], MAX_KIND_BYTES)
    if typ in [kind.typ for kind in (*expected, *KINDS) if not _is_of(kind, header[ALG])]:
        raise Refusal(Code.ALGORITHM_UNKNOWN, {"kind": typ})  # 8.1.6
    if typ in [kind.typ for kind in expected]:
        return
    if typ[:3] in [kind.letters for kind in expected]:
        raise Refusal(Code.VERSION_UNKNOWN, {"kind": typ})  # 8.1.7
    raise Refusal(Code.KIND_UNEXPECTED, {"kind": typ})  # 8.1.8


def _is_of(kind: Kind, algorithm: Cbor) -> bool:
    return type(algorithm) is int and algorithm == kind.algorithm.number


def _read(
    expected: type[B], extent: Extent | None, unprotected: Cbor, payload: Cbor, signature: Cbor
) -> Signed[B]:
    kind = expected.KIND
    if extent is not None:
        place = Leaf.from_cbor(unprotected, extent)
    elif type(unprotected) is not dict or unprotected:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    else:
        place = None
    codec.octets(payload)
    kind.algorithm.check_form(codec.octets(signature))
    return Signed(reader(expected)(payload), payload, signature, object_id(kind, payload), place)


@lru_cache(maxsize=_KEPT_KINDS)
def reader(expected: type[B]) -> Callable[[bytes], B]:
    """What reads payloads of this kind. The codes of SPEC 8.1."""
    kind, from_cbor = expected.KIND, cast(Any, expected.from_cbor)
    is_measured = issubclass(cast(type, expected), codec.Measured)
    decode = codec.read_measured if is_measured else codec.read

    def read(payload: bytes) -> B:
        body: B = decode(payload, kind.most, from_cbor)
        return body

    return lru_cache(_KEPT_BODIES[kind])(read) if kind in _KEPT_BODIES else read


def parse(kind: type[B], raw: bytes) -> Signed[B]:
    """Read the bytes of one signed object; raises as ``from_cbor`` and ``codec.decode`` do."""
    return codec.read(raw, kind.KIND.most, lambda value: from_cbor(kind, value))
