"""Where an object stands in a tree whose head is signed once for many: a COSE Receipt of RFC 9942 with an inclusion
proof of RFC 9162.

Rule: size, time and log are signed with the root, so that a proof is good for one place in one tree. A leaf is one
object, or a small tree of several (a group): then its entry is that tree's size and root, which no body looks like.
SPEC section 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from wallet.protocol import codec, merkle
from wallet.protocol.bounds import MAX_BATCH_LEAVES, MAX_GROUP, MAX_LOG, MAX_LOG_LEAVES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.kinds import Kind, Signing
from wallet.protocol.merkle import Follow

ALG: Final = 1
TYP: Final = 16
_VDS: Final = 395
"""Which structure proofs are of; IANA: ``vds``."""
_VDP: Final = 396
"""The proofs; IANA: ``vdp``."""
_RFC9162_SHA256: Final = 1
_INCLUSION: Final = -1
_EXTENT: Final = -70_002
_WITHIN: Final = -70_003
_HEADER: Final = (ALG, TYP, _VDS, _EXTENT)
_BEFORE_PATH: Final = len(codec.encode({_VDP: {_INCLUSION: []}}))
_BEFORE_WITHIN: Final = len(codec.encode(_WITHIN))
"""Bytes of the unprotected header before each of the paths in it."""

_BYTES: Final = {bytes}
_LENGTHS: Final = {merkle.HASH_BYTES}
_MAX_PATH_BYTES: Final = 2_048
"""Of an encoded proof: 54 hashes of 34 bytes, size and index."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What is signed of a tree beside its root: how many leaves it has, when it was signed (unix seconds), and of a
    log its number."""

    size: int
    time: int
    log: int | None = None

    def to_cbor(self) -> Cbor:
        return [self.size, self.time] if self.log is None else [self.size, self.time, self.log]

    @classmethod
    def from_cbor(cls, value: Cbor, signing: Signing) -> Self:
        in_log = signing is Signing.IN_LOG
        fields = codec.array(value, 3 if in_log else 2)
        size = codec.uint(fields[0], MAX_LOG_LEAVES if in_log else MAX_BATCH_LEAVES)
        require(size > 0, Code.MALFORMED)  # 8.1.4
        return cls(size, codec.moment(fields[1]), codec.uint(fields[2], MAX_LOG) if in_log else None)


@lru_cache(maxsize=1024)
def protected(kind: Kind, extent: Extent) -> bytes:
    """The protected header under which the root of such a tree is signed."""
    return codec.encode(
        {ALG: kind.algorithm.number, TYP: kind.typ, _VDS: _RFC9162_SHA256, _EXTENT: extent.to_cbor()}
    )


def read_extent(kind: Kind, header: Cbor) -> Extent:
    """The extent in a protected header of this kind, algorithm and ``typ`` known. MALFORMED, TIME_INVALID."""
    fields = codec.mapping(header, _HEADER)
    require(codec.uint(fields[_VDS], _RFC9162_SHA256) == _RFC9162_SHA256, Code.MALFORMED)  # 8.1.4
    return Extent.from_cbor(fields[_EXTENT], kind.signing)


@dataclass(frozen=True, slots=True)
class Path:
    """A proof of inclusion: the tree's size, the leaf's index, and the hashes that lead from it to the root."""

    size: int
    index: int
    hashes: tuple[bytes, ...]

    def root(self, leaf: bytes, follow: Follow = merkle.root_from_path) -> bytes:
        """The root that it leads to from this hash of a leaf. It has the length that size and index ask for, so that
        it always leads somewhere. ``follow`` of ``merkle.each_way_once`` where many are followed."""
        root = follow(leaf, self.index, self.size, self.hashes)
        assert root is not None
        return root

    def encode(self) -> bytes:
        """As RFC 9942 writes it."""
        return codec.encode([self.size, self.index, list(self.hashes)])

    def length(self) -> int:
        """Bytes of ``encode``."""
        head, count = codec.head_size, len(self.hashes)
        hashes = head(count) + count * codec.string_size(merkle.HASH_BYTES)
        return 1 + head(self.size) + head(self.index) + hashes

    @classmethod
    def read(cls, raw: bytes, most: int) -> Self:
        """A path in a tree of up to ``most`` leaves. The codes of SPEC 8.1; MALFORMED for another length than that of
        its place."""
        return codec.read_of_length(
            codec.octets(raw), _MAX_PATH_BYTES, lambda value: cls._from_cbor(value, most), cls.length
        )

    @classmethod
    def _from_cbor(cls, value: Cbor, most: int) -> Self:
        size, index, hashes = codec.array(value, 3)
        size, index = codec.uint(size, most), codec.uint(index, most)
        found = codec.array(hashes)
        if index >= size or len(found) != merkle.path_length(index, size) or not _are_hashes(found):
            raise Refusal(Code.MALFORMED)  # 8.1.4
        return cls(size, index, tuple(found))


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where an object stands: the tree, the path of its leaf, and, where it is in a group, its path within that."""

    extent: Extent
    path: Path
    within: Path | None = None

    def leaf_hash(self, payload: bytes, follow: Follow = merkle.root_from_path) -> bytes:
        """Hash of the leaf where ``payload`` stands here."""
        found = merkle.leaf_hash(payload)
        if self.within is None:
            return found
        return merkle.leaf_hash(group_entry(self.within.size, self.within.root(found, follow)))

    def root(self, payload: bytes, follow: Follow = merkle.root_from_path) -> bytes:
        """The root that must be signed where ``payload`` stands here."""
        return self.path.root(self.leaf_hash(payload, follow), follow)

    def to_cbor(self) -> Cbor:
        """The unprotected header."""
        proofs = {_VDP: {_INCLUSION: [self.path.encode()]}}
        return proofs if self.within is None else {**proofs, _WITHIN: self.within.encode()}

    def length(self) -> int:
        """Bytes of the encoded header."""
        within = 0 if self.within is None else _BEFORE_WITHIN + codec.string_size(self.within.length())
        return _BEFORE_PATH + codec.string_size(self.path.length()) + within

    @classmethod
    def from_cbor(cls, value: Cbor, extent: Extent) -> Self:
        """MALFORMED, and the other codes of SPEC 8.1."""
        in_group = type(value) is dict and _WITHIN in value
        fields = codec.mapping(value, (_VDP, _WITHIN) if in_group else (_VDP,))
        (raw,) = codec.array(codec.mapping(fields[_VDP], (_INCLUSION,))[_INCLUSION], 1)
        path = Path.read(raw, MAX_BATCH_LEAVES if extent.log is None else MAX_LOG_LEAVES)
        within = Path.read(fields[_WITHIN], MAX_GROUP) if in_group else None
        require(path.size == extent.size and (within is None or within.size > 1), Code.MALFORMED)  # 8.1.4
        return cls(extent, path, within)


def _are_hashes(found: list[Cbor]) -> bool:
    return set(map(type, found)) <= _BYTES and set(map(len, found)) <= _LENGTHS


@lru_cache(maxsize=64)
def group_entry(size: int, root: bytes) -> bytes:
    """What stands in the leaf of a group of ``size`` objects whose small tree has this root."""
    return codec.encode([size, root])
