"""Signing many objects at once: their tree, its head, and each of them with its place.

Rule: a batch is one signature, whatever its size; what is in it is shown one by one, or a leaf's objects together,
which need no paths within it. Whoever reads gets the same objects either way. SPEC section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from wallet.protocol import codec, cose, leaf, merkle
from wallet.protocol.bounds import MAX_GROUP
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Body, Signed
from wallet.protocol.keys import Sign
from wallet.protocol.kinds import Kind, Signing
from wallet.protocol.leaf import Extent, Leaf, Path
from wallet.protocol.merkle import Tree

B = TypeVar("B", bound=Body)


def small_tree(payloads: Sequence[bytes]) -> Tree:
    """The tree within a leaf."""
    return Tree.of([merkle.leaf_hash(payload) for payload in payloads])


def hash_of_leaf(payloads: Sequence[bytes]) -> bytes:
    """Hash of a leaf (32 bytes) that holds these: one as it is, several as a group. ``ValueError`` for none."""
    return _hash_of(small_tree(payloads))


def _hash_of(tree: Tree) -> bytes:
    return tree.root if tree.size == 1 else merkle.leaf_hash(leaf.group_entry(tree.size, tree.root))


@dataclass(frozen=True, slots=True)
class Group(Generic[B]):
    """Objects of one kind that are to stand in one leaf, of which there are up to ``MAX_GROUP``."""

    bodies: tuple[B, ...]
    payloads: tuple[bytes, ...]
    tree: Tree

    @classmethod
    def of(cls, bodies: Sequence[B]) -> Group[B]:
        """``ValueError`` for none or too many."""
        if not 0 < len(bodies) <= MAX_GROUP:
            raise ValueError(f"{len(bodies)} objects in a leaf")
        return cls.read(tuple(bodies), tuple([codec.encode(body.to_cbor()) for body in bodies]))

    @classmethod
    def read(cls, bodies: tuple[B, ...], payloads: tuple[bytes, ...]) -> Group[B]:
        """Out of payloads that are there, of which each is that of the body in its place."""
        return cls(bodies, payloads, small_tree(payloads))

    @property
    def leaf(self) -> bytes:
        """Hash of the leaf, 32 bytes."""
        return _hash_of(self.tree)

    def signed(self, extent: Extent, path: Path, signature: bytes) -> tuple[Signed[B], ...]:
        """Each object, where the leaf stands at ``path`` in a tree whose head has this ``signature``."""
        kind, size = self.bodies[0].KIND, len(self.payloads)
        if size == 1:
            places = [Leaf(extent, path)]
        else:
            paths = enumerate(self.tree.paths())
            places = [Leaf(extent, path, Path(size, at, hashes)) for at, hashes in paths]
        return tuple(
            Signed(body, payload, signature, cose.object_id(kind, payload), place)
            for body, payload, place in zip(self.bodies, self.payloads, places, strict=True)
        )


def sign_head(kind: Kind, extent: Extent, root: bytes, sign: Sign) -> bytes:
    """Signature of the head of a tree by a keystore's key of the kind's algorithm."""
    return cose.made(kind, sign, cose.head_structure(kind, extent, root))


def sign_batch(leaves: Sequence[Sequence[B]], time: int, sign: Sign) -> list[tuple[Signed[B], ...]]:
    """The objects of each leaf, all of one kind that is signed in batches, signed at ``time`` (unix seconds) by one
    signature. ``ValueError``: no leaf, an empty one, or a kind that is signed otherwise."""
    groups = [Group.of(bodies) for bodies in leaves]
    (kind,) = {body.KIND for group in groups for body in group.bodies}
    if kind.signing is not Signing.IN_BATCH:
        raise ValueError(f"{kind} is not signed in batches")
    tree, extent = Tree.of([group.leaf for group in groups]), Extent(len(groups), time)
    signature = sign_head(kind, extent, tree.root, sign)
    return [
        group.signed(extent, Path(extent.size, at, hashes), signature)
        for at, (group, hashes) in enumerate(zip(groups, tree.paths(), strict=True))
    ]


def together(objects: Sequence[Signed[B]]) -> Cbor:
    """All objects of one leaf as one: ``[protected, unprotected, payloads, signature]``, or the object itself where it
    is the only one. ``ValueError`` for others than all of a leaf, in order."""
    first = objects[0]
    if len(objects) == 1 and (first.leaf is None or first.leaf.within is None):
        return first.to_cbor()
    for at, item in enumerate(objects):
        place = item.leaf
        if place is None or place.within is None or first.leaf is None:
            raise ValueError("not of a group")
        alike = (place.extent, place.path, item.signature) == (
            first.leaf.extent,
            first.leaf.path,
            first.signature,
        )
        if not alike or (place.within.size, place.within.index) != (len(objects), at):
            raise ValueError("not all of a group")
    protected, _, _, signature = first.to_cbor()
    assert first.leaf is not None
    outside = Leaf(first.leaf.extent, first.leaf.path)
    return [protected, outside.to_cbor(), [item.payload for item in objects], signature]


def whole_leaves(objects: Sequence[Signed[B] | None]) -> list[list[int]]:
    """Where in ``objects`` those stand that ``together`` writes as one, group by group, each in its order."""
    groups: dict[tuple[bytes, int, int], dict[int, int]] = {}
    for at, item in enumerate(objects):
        if item is not None and item.leaf is not None and item.leaf.within is not None:
            path, within = item.leaf.path, item.leaf.within
            groups.setdefault((item.signature, path.index, within.size), {})[within.index] = at
    return [
        [places[index] for index in range(size)]
        for (_, _, size), places in groups.items()
        if len(places) == size
    ]


def read_together(kinds: Sequence[type[B]], value: Cbor) -> tuple[Signed[B], ...]:
    """The objects of one leaf that ``together`` wrote, or one object on its own, of any of ``kinds``. The codes of
    SPEC 8.1, DUPLICATE_ITEM."""
    protected, unprotected, payloads, signature = codec.array(value, 4)
    if type(payloads) is not list:
        return (cose.one_of(kinds, value),)
    kind, extent = cose.recognised(kinds, codec.octets(protected))
    if extent is None:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    place = Leaf.from_cbor(unprotected, extent)
    require(place.within is None, Code.MALFORMED)  # 8.1.4
    kind.KIND.algorithm.check_form(codec.octets(signature))
    found = [codec.octets(payload) for payload in codec.array(payloads, least=2, most=MAX_GROUP)]
    require(len(set(found)) == len(found), Code.DUPLICATE_ITEM)  # 8.1.14
    bodies = tuple(map(cose.reader(kind), found))
    return Group.read(bodies, tuple(found)).signed(extent, place.path, signature)
