"""The notary's log: its signed heads, what proves that it only grew, and what proves that it did not.

Rule: every consumption of the second version stands in the log and names the head it was shown under, so whoever holds
one holds a head; two heads of one log are beginning and continuation of each other, or evidence against the notary.
Entries are salted: beside hashes, only who was told a statement knows what it says. SPEC sections 4.14, 4.15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from wallet.protocol import codec, cose, kinds, leaf, merkle
from wallet.protocol.bounds import ID_BYTES, MAX_LOG_LEAVES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory
from wallet.protocol.kinds import Kind
from wallet.protocol.leaf import Extent
from wallet.protocol.merkle import Follow
from wallet.protocol.parts import notaries
from wallet.protocol.settlement import Consumption2

KIND: Final[Kind] = kinds.CONSUMPTION_2
"""The log is of consumptions, and its heads are signed as what they are shown by."""

_MAX_PATH: Final = 54
"""Hashes in a proof of consistency of sizes below 2^53."""
_MAX_PROOF_BYTES: Final = 2_048


@dataclass(frozen=True, slots=True)
class LogHead:
    """A signed head: how many leaves the log had at a time, and the root over them. Whether the notary signed it is
    for ``check_head``."""

    extent: Extent
    root: bytes
    signature: bytes

    @classmethod
    def of(cls, statement: Signed[Body], follow: Follow = merkle.root_from_path) -> Self:
        """The head that a consumption was shown under. ``ValueError`` for one that was signed alone. ``follow`` of
        ``merkle.each_way_once`` for who asks for many."""
        place = statement.leaf
        if place is None or place.extent.log is None:
            raise ValueError("in no log")
        return cls(place.extent, place.root(statement.payload, follow), statement.signature)

    def to_cbor(self) -> Cbor:
        return [leaf.protected(KIND, self.extent), {}, self.root, self.signature]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        """The codes of SPEC 8.1."""
        protected, unprotected, root, signature = codec.array(value, 4)
        _, extent = cose.recognised((Consumption2,), codec.octets(protected))
        if extent is None or type(unprotected) is not dict or unprotected:
            raise Refusal(Code.MALFORMED)  # 8.1.4
        KIND.algorithm.check_form(codec.octets(signature))
        return cls(extent, codec.octets(root, ID_BYTES), signature)


def ends(older: LogHead, statement: Signed[Body]) -> bool:
    """Whether ``older`` is the beginning of the log that a consumption is shown in, under a checked head, as its last
    entry: what its path has on its left is what that log had before it."""
    place = statement.leaf
    if place is None or (place.extent.log, place.path.index + 1) != (older.extent.log, older.extent.size):
        return False
    index, path = place.path.index, place.path
    ranges = merkle.inclusion_ranges(index, path.size)
    left = [found for (begin, _), found in zip(ranges, path.hashes, strict=True) if begin < index]
    leaf_hash = place.leaf_hash(statement.payload)
    return merkle.root_from_path(leaf_hash, index, index + 1, left) == older.root


def check_head(head: LogHead, directory: Directory) -> None:
    """That a notary key good at its time, of whatever part, signed it. NOTARY_SIGNATURE."""
    keys = notaries(directory, head.extent.time)
    signed = any(cose.is_head_of(key, KIND, head.extent, head.root, head.signature) for key in keys)
    require(signed, Code.NOTARY_SIGNATURE)  # 8.2.11


@dataclass(frozen=True, slots=True)
class Growth:
    """What the notary says of how its log grew: ``root`` is the one that it had at size ``first``, and ``path`` proves
    that this is the beginning of the log at size ``second``."""

    root: bytes
    first: int
    second: int
    path: tuple[bytes, ...]

    def to_cbor(self) -> Cbor:
        return [self.root, codec.encode([self.first, self.second, list(self.path)])]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        """The codes of SPEC 8.1."""
        root, proof = codec.array(value, 2)
        codec.octets(root, ID_BYTES)
        first, second, path = codec.read(codec.octets(proof), _MAX_PROOF_BYTES, _proof)
        return cls(root, first, second, path)


def _proof(value: Cbor) -> tuple[int, int, tuple[bytes, ...]]:
    """RFC 9942's proof of consistency."""
    first, second, path = codec.array(value, 3)
    first, second = codec.uint(first, MAX_LOG_LEAVES), codec.uint(second, MAX_LOG_LEAVES)
    require(0 < first <= second, Code.MALFORMED)  # 8.1.4
    hashes = [codec.octets(item, merkle.HASH_BYTES) for item in codec.array(path, most=_MAX_PATH)]
    return first, second, tuple(hashes)


def leads(older: LogHead, newer: LogHead, growth: Growth) -> bool:
    """Whether ``growth`` is about these heads of one log, and proves its own root to be the beginning of the newer."""
    sizes = (older.extent.size, newer.extent.size)
    if older.extent.log != newer.extent.log or (growth.first, growth.second) != sizes:
        return False
    return merkle.is_consistent(*sizes, growth.root, newer.root, growth.path)


def continues(older: LogHead, newer: LogHead, growth: Growth) -> bool:
    """Whether the log of ``older`` is the beginning of that of ``newer``, by what the notary answered; both heads
    checked. Where it is not, the three are evidence (``wallet.protocol.notary_evidence``).

    LOG_UNPROVED: the answer does not lead to ``newer``, which proves nothing.
    """
    require(leads(older, newer, growth), Code.LOG_UNPROVED)  # 8.2.13
    return growth.root == older.root
