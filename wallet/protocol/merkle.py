"""Merkle trees of RFC 9162 section 2.1 with SHA-256: hashes, roots, proofs of inclusion and of consistency.

Rule: a tree is the one that its number of leaves makes of it, and a proof belongs to one place in one size: a path that
is longer, shorter or for another index leads nowhere. Leaves and nodes are hashed with different first bytes, so that
neither is ever taken for the other. Nothing here is signed or stored: a batch is kept whole (``Tree``), a log as its
complete subtrees (``Place``), from which every proof follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256().digest()
"""The root of the tree without leaves, which nobody signs here."""


class Place(NamedTuple):
    """A complete subtree: the leaves from ``number`` · 2^``level``, of which there are 2^``level``."""

    level: int
    number: int


Range = tuple[int, int]
"""Leaves from the first to before the second."""


def leaf_hash(entry: bytes) -> bytes:
    """Of what stands in a leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of two subtrees side by side, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole tree in memory, by levels from its leaves' hashes up; what has no neighbour rises as it is."""

    levels: tuple[tuple[bytes, ...], ...]

    @classmethod
    def of(cls, leaves: Sequence[bytes]) -> Self:
        """The tree of these hashes of leaves, of which there is at least one (``ValueError``)."""
        if not leaves:
            raise ValueError("a tree has a leaf")
        levels = [tuple(leaves)]
        while len(levels[-1]) > 1:
            below = levels[-1]
            above = [node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
            levels.append((*above, *below[len(above) * 2 :]))
        return cls(tuple(levels))

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    @property
    def size(self) -> int:
        return len(self.levels[0])

    def path(self, index: int) -> tuple[bytes, ...]:
        """Proof of inclusion of leaf ``index``: RFC 9162 section 2.1.3.1. ``IndexError`` outside."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        found = []
        for level in self.levels[:-1]:
            if index ^ 1 < len(level):
                found.append(level[index ^ 1])
            index >>= 1
        return tuple(found)

    def paths(self) -> list[tuple[bytes, ...]]:
        """``path`` of each leaf; what neighbours have in common is made once."""
        found: list[tuple[bytes, ...]] = [()]
        for level in reversed(self.levels[:-1]):
            found = [
                (level[at ^ 1], *found[at >> 1]) if at ^ 1 < len(level) else found[at >> 1]
                for at in range(len(level))
            ]
        return found


def path_length(index: int, size: int) -> int:
    """How many hashes a proof of inclusion has, for 0 ≤ ``index`` < ``size``: one a level until the subtree that the
    leaf is in is at the tree's right edge, and from there one for each that is whole beside it."""
    below = (index ^ (size - 1)).bit_length()
    return below + (index >> below).bit_count()


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that ``path`` leads to from the hash of leaf ``index`` in a tree of ``size``, or None where such a
    leaf has no path of that length: RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return None
    here, last, found = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return None
        found, here, last = _above(found, here, last, beside)
    return found if last == 0 else None


def _above(found: bytes, here: int, last: int, beside: bytes) -> tuple[bytes, int, int]:
    """One step of a path: from a node, its number at its level and that of the last node there."""
    if here & 1 or here == last:
        found = node_hash(beside, found)
        while here and not here & 1:
            here, last = here >> 1, last >> 1
    else:
        found = node_hash(found, beside)
    return found, here >> 1, last >> 1


Follow = Callable[[bytes, int, int, Sequence[bytes]], bytes | None]
"""As ``root_from_path``."""


def each_way_once() -> Follow:
    """``root_from_path`` for who follows many paths: where two meet and are alike from there on, that is followed once.
    It grows with what it is asked, and is to last no longer than what asks it."""
    known: dict[bytes, tuple[tuple[int, int, tuple[bytes, ...]], bytes]] = {}

    def follow(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
        if not 0 <= index < size:
            return None
        here, last, found, rest, met = index, size - 1, leaf, tuple(path), []
        while rest and last:
            way = (here, last, rest)
            if (before := known.get(found)) is not None and before[0] == way:
                found, last, rest = before[1], 0, ()
                break
            met.append((found, way))
            found, here, last = _above(found, here, last, rest[0])
            rest = rest[1:]
        if rest or last:
            return None
        known.update((node, (way, found)) for node, way in met)
        return found

    return follow


def is_consistent(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether ``path`` proves that the tree of ``first`` leaves is the beginning of that of ``second``, where
    1 ≤ ``first`` ≤ ``second``: RFC 9162 section 2.1.4.2."""
    if not 1 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    nodes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not path:
        return False
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = nodes[0]
    for beside in nodes[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(beside, old), node_hash(beside, new)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            new = node_hash(new, beside)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


# A log as its complete subtrees.


def complete_subtrees(begin: int, end: int) -> tuple[Place, ...]:
    """The fewest complete subtrees that hold the leaves from ``begin`` to before ``end``, left to right, largest
    first: of a whole tree, or of a range that stands in a proof."""
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append(Place(level, begin >> level))
        begin += 1 << level
    return tuple(found)


def folded(subtrees: Sequence[bytes]) -> bytes:
    """The root over these hashes of ``complete_subtrees``; ``EMPTY`` over none."""
    if not subtrees:
        return EMPTY
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def grown(
    size: int, edge: Sequence[bytes], leaves: Iterable[bytes]
) -> tuple[dict[Place, bytes], tuple[bytes, ...]]:
    """What a log of ``size`` leaves gets by more of them: every subtree that becomes complete, leaves included, and
    the new edge. ``edge`` has the hashes of ``complete_subtrees(0, size)``, ``leaves`` hashes of leaves."""
    open_ones, made = list(edge), dict[Place, bytes]()
    for leaf in leaves:
        level, number, found = 0, size, leaf
        made[Place(level, number)] = found
        while number & 1:
            level, number, found = level + 1, number >> 1, node_hash(open_ones.pop(), found)
            made[Place(level, number)] = found
        open_ones.append(found)
        size += 1
    return made, tuple(open_ones)


def _middle(begin: int, end: int) -> int:
    """Where the tree over a range divides: after the largest power of two of leaves that is not all of them."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> tuple[Range, ...]:
    """The ranges whose roots are the proof of inclusion of leaf ``index`` in a tree of ``size``, in its order: RFC
    9162 section 2.1.3.1. ``IndexError`` outside."""
    if not 0 <= index < size:
        raise IndexError(index)
    begin, end, found = 0, size, list[Range]()
    while end - begin > 1:
        middle = _middle(begin, end)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return tuple(reversed(found))


def inclusion_paths(
    indices: Iterable[int], size: int, nodes: Mapping[Place, bytes]
) -> list[tuple[bytes, ...]]:
    """The proofs of inclusion of leaves of a tree of ``size``, out of the complete subtrees in ``nodes`` (``KeyError``
    where one is lacking). What neighbours have in common is made once."""
    found: dict[Place, tuple[bytes, ...]] = {}

    def above(level: int, number: int) -> tuple[bytes, ...]:
        place = Place(level, number)
        if place not in found:
            begin = (number ^ 1) << level
            path = above(level + 1, number >> 1) if size > 1 << level else ()
            if begin < size:
                parts = complete_subtrees(begin, min(begin + (1 << level), size))
                path = (folded([nodes[part] for part in parts]), *path)
            found[place] = path
        return found[place]

    return [above(0, index) for index in indices]


def consistency_ranges(first: int, second: int) -> tuple[Range, ...]:
    """The ranges whose roots prove that a tree of ``first`` leaves begins one of ``second``, in the proof's order: RFC
    9162 section 2.1.4.1. ``IndexError`` unless 1 ≤ ``first`` ≤ ``second``."""
    if not 1 <= first <= second:
        raise IndexError(first)
    begin, end, found = 0, second, list[Range]()
    while end != first:
        middle = _middle(begin, end)
        if first <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    if begin:
        found.append((begin, end))
    return tuple(reversed(found))
