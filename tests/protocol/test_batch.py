"""What is signed in a tree is as good as what is signed alone: for every object, by one signature, at one place; and
whatever is changed on the way is signed by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import NOW, Key
from tests.vectors.good import WORLD
from wallet.protocol import batch, codec, cose, merkle
from wallet.protocol.batch import Group, read_together, sign_batch, together, whole_leaves
from wallet.protocol.bounds import MAX_GROUP
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.keys import PublicKey, p256
from wallet.protocol.leaf import Extent, Leaf, Path
from wallet.protocol.settlement import (
    COMMITS,
    SETTLEMENTS,
    Commit,
    Commit2,
    Consumption2,
    Settlement,
    Settlement2,
    Verdict,
    check_settlement,
    read_settlement,
)
from wallet.protocol.transfer import TokenRef

DIRECTORY = WORLD.directory()
BANK = WORLD.bank_key("alatau")


def verdict(number: int, time: int = NOW) -> Settlement2:
    name = number.to_bytes(4, "big")
    return Settlement2(
        bank="alatau",
        transfer=sha256(name).digest(),
        verdict=Verdict.SETTLED,
        values=(number + 1,),
        code=None,
        time=time,
        salt=sha256(b"salt" + name).digest()[:16],
    )


def commit(number: int) -> Commit2:
    name = sha256(number.to_bytes(4, "big")).digest()
    return Commit2("alatau", name, (TokenRef(name, 0),), NOW, name[:16])


class Counting:
    """A keystore's key that counts."""

    def __init__(self, key: Key = BANK) -> None:
        self.key = key
        self.signed = 0

    def __call__(self, message: bytes) -> bytes:
        self.signed += 1
        return self.key.sign(message)


def leaves_of(sizes: Sequence[int]) -> list[list[Settlement2]]:
    made, leaves = 0, []
    for size in sizes:
        leaves.append([verdict(number) for number in range(made, made + size)])
        made += size
    return leaves


def settled(sizes: Sequence[int], time: int = NOW) -> list[tuple[Signed[Settlement2], ...]]:
    return sign_batch(leaves_of(sizes), time, BANK.sign)


def is_signed(signed: Signed[Settlement]) -> bool:
    """Whether the check finds its bank's signature; none other of it may fail."""
    try:
        check_settlement(signed, DIRECTORY)
    except Refusal as refusal:
        if refusal.code is not Code.SETTLEMENT_SIGNATURE:
            raise
        return False
    return True


shapes = st.lists(st.integers(1, 6), min_size=1, max_size=12)


@given(shapes)
def test_one_signature_is_every_verdicts_own(sizes: list[int]) -> None:
    counting = Counting()
    batches = sign_batch(leaves_of(sizes), NOW, counting)
    assert counting.signed == 1
    for bodies, signed in zip(leaves_of(sizes), batches, strict=True):
        assert [item.body for item in signed] == bodies
        for item in signed:
            again = read_settlement(codec.decode(item.encode(), 1 << 14))
            assert again == item
            assert item.size() == len(item.encode())
            assert cose.unsealed(item.body, item.payload, item.seal(), item.id) == item
            assert is_signed(again)
            assert again.id == cose.object_id(Settlement2.KIND, item.payload)


@given(shapes, st.data())
def test_a_leaf_is_shown_whole_or_each_of_it_alone(sizes: list[int], data: st.DataObject) -> None:
    batches = settled(sizes)
    leaf = data.draw(st.sampled_from(batches))
    written = codec.encode(together(leaf))
    assert read_together(SETTLEMENTS, codec.decode(written, 1 << 20)) == leaf
    if len(leaf) == 1:
        assert written == leaf[0].encode()
    else:
        assert len(written) < sum(len(item.encode()) for item in leaf)
        alone = data.draw(st.sampled_from(leaf))
        mixed = data.draw(st.permutations([None, *(item for group in batches for item in group)]))
        whole = [[mixed[at] for at in places] for places in whole_leaves(mixed)]
        groups = [list(one) for one in batches if len(one) > 1]
        assert len(whole) == len(groups)
        assert all(one in whole for one in groups)
        lacking = [None if item is alone else item for item in mixed]
        assert len(whole_leaves(lacking)) == len(groups) - 1
        for others in (leaf[1:], leaf[::-1], (alone,), (*leaf, alone)):
            with pytest.raises(ValueError, match="of a group"):
                together(others)


class CountingKey(PublicKey):
    """A public key that counts what it verifies."""

    verified: ClassVar[int] = 0

    def verify(self, message: bytes, signature: bytes) -> bool:
        CountingKey.verified += 1
        return super().verify(message, signature)


def test_a_signature_is_verified_once_for_all_that_stand_under_it() -> None:
    """However many leaves they stand in; each head by itself, and one that is wrong stays so."""
    key = p256(BANK.public)
    counting = CountingKey(key.algorithm, key.raw)
    one, other = ([item for leaf in settled(sizes) for item in leaf] for sizes in ([15, 1, 3], [2]))
    wrong = [replace(item, signature=one[0].signature) for item in other]
    CountingKey.verified = 0
    is_head = cose.each_head_once()
    found = [[item.signed_by(counting, is_head) for item in some] for some in (one, other, wrong, one)]
    assert found == [[True] * 19, [True] * 2, [False] * 2, [True] * 19]
    assert CountingKey.verified == 3
    assert other[0].signed_by(counting)
    assert CountingKey.verified == 4, "who checks one keeps nothing"


def test_both_versions_stand_side_by_side() -> None:
    """They say the same under two names; each is read where either may stand."""
    ((second,),) = settled([1])
    body = second.body
    first = cose.sign(
        Settlement(
            bank=body.bank,
            transfer=body.transfer,
            verdict=body.verdict,
            values=body.values,
            code=body.code,
            time=body.time,
        ),
        BANK.sign,
    )
    assert [type(read_settlement(item.to_cbor()).body) for item in (first, second)] == [
        Settlement,
        Settlement2,
    ]
    assert first.id != second.id
    assert is_signed(first)
    assert is_signed(second)
    assert read_together(SETTLEMENTS, first.to_cbor()) == (first,)
    assert refusal_of(lambda: cose.from_cbor(Settlement, second.to_cbor())) is Code.VERSION_UNKNOWN
    assert refusal_of(lambda: cose.from_cbor(Commit, second.to_cbor())) is Code.KIND_UNEXPECTED


# What is signed by nobody.


def moved(signed: Signed[Settlement2], **changes: object) -> Signed[Settlement2]:
    assert signed.leaf is not None
    return replace(signed, leaf=replace(signed.leaf, **changes))  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=9), st.data())
def test_a_place_is_good_for_nothing_else(sizes: list[int], data: st.DataObject) -> None:
    batches = settled(sizes)
    at = data.draw(st.integers(0, len(sizes) - 1))
    item = data.draw(st.sampled_from(batches[at]))
    assert item.leaf is not None
    path = item.leaf.path
    other = data.draw(st.sampled_from([found for group in batches for found in group if found != item]))
    assert not is_signed(replace(other, leaf=item.leaf))
    for index in range(len(sizes)):
        if index != at and merkle.path_length(index, path.size) == len(path.hashes):
            assert not is_signed(moved(item, path=replace(path, index=index)))
    if path.hashes:
        spot = data.draw(st.integers(0, len(path.hashes) - 1))
        wrong = [*path.hashes]
        wrong[spot] = bytes(32)
        assert not is_signed(moved(item, path=replace(path, hashes=tuple(wrong))))
    assert not is_signed(moved(item, extent=Extent(path.size, NOW + 1)))
    if item.leaf.within is not None:
        assert not is_signed(moved(item, within=None))
    elif other.leaf is not None and other.leaf.within is not None:
        assert not is_signed(moved(item, within=other.leaf.within))


def test_a_size_is_signed_and_not_only_led_to() -> None:
    """In trees of three and of two a last leaf has the same path, to the same root: what tells is the size."""
    batches = settled([1, 1, 1])
    (last,) = batches[2]
    assert last.leaf is not None
    two = Leaf(Extent(2, NOW), Path(2, 1, last.leaf.path.hashes))
    assert two.root(last.payload) == last.leaf.root(last.payload)
    assert is_signed(last)
    assert not is_signed(replace(last, leaf=two))


def test_neither_a_group_nor_a_node_passes_for_an_object() -> None:
    """A leaf's entry of a group is an array of two, and no body is one; a node is hashed otherwise than a leaf."""
    ((one, two),) = settled([2])
    assert one.leaf is not None
    tree = batch.small_tree([one.payload, two.payload])
    entry = codec.encode([2, tree.root])
    assert (
        merkle.leaf_hash(entry)
        == one.leaf.leaf_hash(one.payload)
        == batch.hash_of_leaf([one.payload, two.payload])
    )
    assert refusal_of(lambda: codec.read(entry, 1 << 10, Settlement2.from_cbor)) is Code.MALFORMED
    pair = merkle.leaf_hash(one.payload) + merkle.leaf_hash(two.payload)
    assert merkle.leaf_hash(pair) != tree.root


def test_a_batch_is_signed_by_a_key_good_then_and_not_before_what_it_says() -> None:
    ((early,),) = settled([1], NOW - 1)
    assert early.body.time == NOW
    assert not is_signed(early)
    ((late,),) = settled([1], NOW + 5)
    assert is_signed(late)
    assert not is_signed(sign_batch([[verdict(0)]], NOW, Key.of("stranger").sign)[0][0])
    before_any_key = sign_batch([[verdict(0, 5)]], 5, BANK.sign)[0][0]
    assert not is_signed(before_any_key)
    re_signed = sign_batch([[verdict(0, 5)]], NOW, BANK.sign)[0][0]
    assert is_signed(re_signed)


def test_one_version_is_not_signed_in_anothers_way() -> None:
    mixed: list[list[Any]] = [[verdict(0)], [commit(0)]]
    with pytest.raises(ValueError, match="in a tree"):
        cose.sign(verdict(0), BANK.sign)
    said = Consumption2(bytes(32), "alatau", NOW, (TokenRef(bytes(32), 0),), bytes(16))
    with pytest.raises(ValueError, match="not signed in batches"):
        sign_batch([[said]], NOW, BANK.sign)
    with pytest.raises(ValueError, match="unpack"):
        sign_batch(mixed, NOW, BANK.sign)
    with pytest.raises(ValueError, match="unpack"):
        sign_batch([], NOW, BANK.sign)
    with pytest.raises(ValueError, match="objects in a leaf"):
        sign_batch([[]], NOW, BANK.sign)
    with pytest.raises(ValueError, match="objects in a leaf"):
        Group.of([verdict(0)] * (MAX_GROUP + 1))
    with pytest.raises(ValueError, match="one form"):
        sign_batch([[verdict(0)]], NOW, lambda message: bytes(63))


# Sizes: a wallet stores a verdict, a bank's answer is one leaf, a bank's commits are one whole batch.


def test_sizes_stay_small() -> None:
    upload = settled([15] * 64)[0]
    alone = len(upload[7].encode())
    assert alone <= 560, alone
    plain = len(cose.sign(verdict_alone(), BANK.sign).encode())
    whole = len(codec.encode(together(upload)))
    assert whole <= 15 * plain, (whole, plain)
    commits = sign_batch([[commit(number) for number in range(480)]], NOW, BANK.sign)[0]
    written = codec.encode(together(commits))
    assert len(written) <= 480 * len(commits[0].payload) + 480 * 2 + 160
    assert read_together(COMMITS, codec.decode(written, 1 << 20)) == commits


def verdict_alone() -> Settlement:
    said = verdict(0)
    return Settlement(
        bank=said.bank,
        transfer=said.transfer,
        verdict=said.verdict,
        values=said.values,
        code=said.code,
        time=said.time,
    )
