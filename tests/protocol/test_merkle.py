"""The tree is RFC 9162's: as its naive definition has it, with the answers known of certificate transparency, and a
proof is good for one leaf, one place, one size."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.protocol import merkle
from wallet.protocol.merkle import Place, Tree, leaf_hash, node_hash

# Known answers: google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc (kInputs, kSHA256Roots, kPaths,
# kProofs), the same that Chromium, Trillian and transparency-dev/merkle (testonly/constants.go) are held to.
INPUTS: Final = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS: Final = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES: Final = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
    "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
    "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
]
N23: Final = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N45: Final = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
N67: Final = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N47: Final = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
PATHS: Final = [
    (0, 1, []),
    (0, 8, [LEAVES[1], N23, N47]),
    (5, 8, [LEAVES[4], N67, ROOTS[4]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [LEAVES[0], N23, LEAVES[4]]),
]
PROOFS: Final = [
    (1, 1, []),
    (1, 8, [LEAVES[1], N23, N47]),
    (6, 8, [N45, N67, ROOTS[4]]),
    (2, 5, [N23, LEAVES[4]]),
]

sizes = st.integers(1, 70)


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def hashes(size: int) -> list[bytes]:
    return [leaf_hash(entry) for entry in entries(size)]


def naive_root(data: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word by word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = largest_power_below(len(data))
    return sha256(b"\x01" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 section 2.1.3.1."""
    if len(data) == 1:
        return []
    k = largest_power_below(len(data))
    if m < k:
        return [*naive_path(m, data[:k]), naive_root(data[k:])]
    return [*naive_path(m - k, data[k:]), naive_root(data[:k])]


def naive_proof(m: int, data: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162 section 2.1.4.1."""
    if m == len(data):
        return [] if whole else [naive_root(data)]
    k = largest_power_below(len(data))
    if m <= k:
        return [*naive_proof(m, data[:k], whole), naive_root(data[k:])]
    return [*naive_proof(m - k, data[k:], False), naive_root(data[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Log:
    """A log as a notary keeps it: complete subtrees, grown in steps."""

    def __init__(self) -> None:
        self.size = 0
        self.edge: tuple[bytes, ...] = ()
        self.nodes: dict[Place, bytes] = {}

    def append(self, leaves: Sequence[bytes]) -> None:
        made, self.edge = merkle.grown(self.size, self.edge, leaves)
        assert not set(made) & set(self.nodes)
        self.nodes |= made
        self.size += len(leaves)

    def root_of(self, begin: int, end: int) -> bytes:
        return merkle.folded([self.nodes[place] for place in merkle.complete_subtrees(begin, end)])

    def roots(self, ranges: Sequence[merkle.Range]) -> list[bytes]:
        return [self.root_of(*leaves) for leaves in ranges]


def log_of(size: int) -> Log:
    log = Log()
    log.append(hashes(size))
    return log


# Known answers.


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in INPUTS[:size]]
    assert [leaf.hex() for leaf in leaves] == LEAVES[:size]
    assert Tree.of(leaves).root.hex() == ROOTS[size]
    assert naive_root(INPUTS[:size]).hex() == ROOTS[size]


def test_known_hashes_of_nothing_leaf_and_node() -> None:
    assert merkle.EMPTY.hex() == ROOTS[0]
    assert merkle.folded(()) == merkle.EMPTY
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        node_hash(b"N123", b"N456").hex()
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_known_paths(index: int, size: int, path: list[str]) -> None:
    tree = Tree.of([leaf_hash(entry) for entry in INPUTS[:size]])
    known = tuple(bytes.fromhex(item) for item in path)
    assert tree.path(index) == known
    assert merkle.root_from_path(bytes.fromhex(LEAVES[index]), index, size, known) == tree.root


@pytest.mark.parametrize(("first", "second", "proof"), PROOFS)
def test_known_proofs_of_consistency(first: int, second: int, proof: list[str]) -> None:
    known = [bytes.fromhex(item) for item in proof]
    log = Log()
    log.append([leaf_hash(entry) for entry in INPUTS[:second]])
    assert log.roots(merkle.consistency_ranges(first, second)) == known
    roots = bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second])
    assert merkle.is_consistent(first, second, *roots, known)


# The definition.


@given(sizes, st.data())
def test_tree_and_log_have_the_roots_and_paths_of_the_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree, log = Tree.of(hashes(size)), log_of(size)
    assert tree.root == log.root_of(0, size) == naive_root(entries(size))
    expected = naive_path(index, entries(size))
    assert list(tree.path(index)) == log.roots(merkle.inclusion_ranges(index, size)) == expected
    assert list(tree.paths()[index]) == expected
    assert merkle.path_length(index, size) == len(expected)
    assert merkle.root_from_path(hashes(size)[index], index, size, expected) == tree.root


@given(sizes, st.data())
def test_a_log_proves_consistency_as_the_definition_does(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    proof = log_of(second).roots(merkle.consistency_ranges(first, second))
    assert proof == naive_proof(first, entries(second))
    roots = naive_root(entries(first)), naive_root(entries(second))
    assert merkle.is_consistent(first, second, *roots, proof)


@given(st.lists(st.integers(0, 20), max_size=6))
def test_a_log_is_the_same_in_whatever_steps_it_grew(steps: list[int]) -> None:
    stepwise, total = Log(), sum(steps)
    for step in steps:
        stepwise.append(hashes(total)[stepwise.size : stepwise.size + step])
    at_once = log_of(total)
    assert (stepwise.nodes, stepwise.edge) == (at_once.nodes, at_once.edge)
    assert [at_once.nodes[place] for place in merkle.complete_subtrees(0, total)] == list(at_once.edge)


# What is no proof.


@given(sizes, st.data())
def test_a_path_is_good_for_no_other_place(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, size + 1).filter(lambda found: found != index))
    tree = Tree.of(hashes(size))
    assert merkle.root_from_path(hashes(size)[index], other, size, tree.path(index)) != tree.root


@given(st.integers(0, 70), sizes)
def test_paths_to_what_a_log_grew_by_follow_from_its_edge_and_that(before: int, more: int) -> None:
    edge = merkle.grown(0, (), hashes(before))[1]
    size = before + more
    made, _ = merkle.grown(before, edge, hashes(size)[before:])
    nodes = dict(zip(merkle.complete_subtrees(0, before), edge, strict=True)) | made
    found = merkle.inclusion_paths(range(before, size), size, nodes)
    assert found == Tree.of(hashes(size)).paths()[before:]


@given(sizes, st.data())
def test_many_paths_lead_where_each_does_and_an_altered_one_nowhere_else(
    size: int, data: st.DataObject
) -> None:
    tree, leaves = Tree.of(hashes(size)), hashes(size)
    follow = merkle.each_way_once()
    for index in data.draw(st.lists(st.integers(0, size - 1), max_size=20)):
        path = list(tree.path(index))
        assert follow(leaves[index], index, size, path) == tree.root
        altered = data.draw(st.integers(-1, len(path)))
        if altered < 0:
            path.pop() if path else path.append(leaves[0])
        elif altered < len(path):
            path[altered] = bytes(32)
        else:
            path.append(leaves[0])
        found = merkle.root_from_path(leaves[index], index, size, path)
        assert follow(leaves[index], index, size, path) == found
        assert found is None or path == list(tree.path(index)) or found != tree.root
        other = data.draw(st.integers(0, size))
        assert follow(leaves[index], other, size, path) == merkle.root_from_path(
            leaves[index], other, size, path
        )


@given(sizes, st.data())
def test_a_path_of_another_length_leads_nowhere(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree, leaf = Tree.of(hashes(size)), hashes(size)[index]
    path = tree.path(index)
    assert merkle.root_from_path(leaf, index, size, (*path, tree.root)) is None
    if path:
        assert merkle.root_from_path(leaf, index, size, path[:-1]) is None


@given(st.integers(2, 70), st.data())
def test_neither_a_node_nor_another_entry_is_taken_for_a_leaf(size: int, data: st.DataObject) -> None:
    """RFC 9162 section 2.1.1: the first bytes keep leaves and nodes apart, so no entry hashes to a node."""
    index = data.draw(st.integers(0, size - 1))
    tree = Tree.of(hashes(size))
    path = tree.path(index)
    forged = leaf_hash(tree.levels[1][0])
    assert merkle.root_from_path(forged, index, size, path) != tree.root
    two = tree.levels[0][0] + tree.levels[0][1]
    assert leaf_hash(two) != tree.levels[1][0]
    above = merkle.root_from_path(tree.levels[1][0], 0, size, tree.path(0)[1:])
    assert above is None or above != tree.root


@given(sizes, st.data())
def test_a_changed_proof_of_consistency_is_none(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    proof = log_of(second).roots(merkle.consistency_ranges(first, second))
    roots = naive_root(entries(first)), naive_root(entries(second))
    other = sha256(b"other").digest()
    assert not merkle.is_consistent(first, second, other, roots[1], proof)
    assert not merkle.is_consistent(first, second, roots[0], other, proof)
    assert not merkle.is_consistent(first, second, *roots, [*proof, other])
    if proof:
        assert not merkle.is_consistent(first, second, *roots, proof[:-1])
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.is_consistent(first, second, *roots, [*proof[:at], other, *proof[at + 1 :]])


def test_the_empty_tree_begins_nothing_and_holds_nothing() -> None:
    root = naive_root(entries(3))
    assert not merkle.is_consistent(0, 3, merkle.EMPTY, root, [])
    assert not merkle.is_consistent(0, 0, merkle.EMPTY, merkle.EMPTY, [])
    assert not merkle.is_consistent(3, 2, root, naive_root(entries(2)), [])
    assert merkle.root_from_path(leaf_hash(b""), 0, 0, ()) is None
    with pytest.raises(ValueError, match="leaf"):
        Tree.of([])
    for outside in (-1, 3):
        with pytest.raises(IndexError):
            Tree.of(hashes(3)).path(outside)
        with pytest.raises(IndexError):
            merkle.inclusion_ranges(outside, 3)
    for first, second in ((0, 3), (4, 3)):
        with pytest.raises(IndexError):
            merkle.consistency_ranges(first, second)


def test_sizes_far_beyond_memory_have_ranges_at_once() -> None:
    """2^40 leaves and three more: what is looked up stays logarithmic."""
    size = 2**40 + 3
    assert len(merkle.inclusion_ranges(2**39 + 1, size)) == 41
    assert merkle.inclusion_ranges(size - 1, size) == ((2**40, 2**40 + 2), (0, 2**40))
    assert merkle.complete_subtrees(0, size) == (Place(40, 0), Place(1, 2**39), Place(0, 2**40 + 2))
    assert len(merkle.consistency_ranges(2**40 - 1, size)) <= 42
