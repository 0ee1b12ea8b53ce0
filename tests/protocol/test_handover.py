"""A root hands over by a directory that both sign: to the one it names, once, and never back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import Key, World
from tests.vectors.growing import body_2
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code
from wallet.protocol.directory import Directory
from wallet.protocol.handover import Handover, Published, followed
from wallet.protocol.keys import p256

WORLD = World()
ROOTS = (WORLD.root, *(Key.of(f"root {number}") for number in range(1, 6)))


def handed(number: int, *, old: Key | None = None, new: Key | None = None, version: int = 0) -> Handover:
    """The hand-over from root ``number`` to the next, or by other keys."""
    named = ROOTS[number + 1]
    body = body_2(version=version or number + 2, root=p256(named.public))
    return Handover(cose.sign(body, (old or ROOTS[number]).sign), cose.sign(body, (new or named).sign))


CHAIN = tuple(handed(number) for number in range(5))


@given(st.integers(0, 5), st.integers(0, 5))
def test_whoever_holds_any_root_follows_to_the_last_from_where_it_is(held: int, since: int) -> None:
    found = followed(CHAIN[since:], ROOTS[held].public)
    reached = [root for root, _ in found]
    assert reached == ([root.public for root in ROOTS[held + 1 :]] if since <= held else [])
    for root, handover in found:
        assert Directory.open(handover.new.encode(), root).root == root


def test_it_comes_back_as_it_was_written_and_is_one_object_signed_twice() -> None:
    published = Published((CHAIN[-1].new, WORLD.signed_directory()), CHAIN)
    raw = codec.encode(published.to_cbor())
    assert Published.from_cbor(codec.decode(raw, 1 << 20)) == published
    assert CHAIN[0].old.id == CHAIN[0].new.id
    assert CHAIN[0].old.signature != CHAIN[0].new.signature


def test_what_a_root_that_is_not_held_has_signed_is_passed_over() -> None:
    stranger = Key.of("stranger")
    assert followed([handed(0, old=stranger)], ROOTS[0].public) == []
    assert followed(CHAIN[1:], ROOTS[0].public) == []
    assert followed(CHAIN, stranger.public) == []


def refused(handovers: Sequence[Handover]) -> Code:
    return refusal_of(lambda: followed(handovers, ROOTS[0].public))


def test_both_sign_the_same_and_the_one_that_is_named_signs() -> None:
    stranger, good = Key.of("stranger"), CHAIN[0]
    assert refused([handed(0, new=stranger)]) is Code.DIRECTORY_SIGNATURE
    assert refused([handed(0, new=ROOTS[0])]) is Code.DIRECTORY_SIGNATURE
    other = cose.sign(body_2(version=2, root=p256(stranger.public)), stranger.sign)
    assert refused([replace(good, new=other)]) is Code.DIRECTORY_SIGNATURE
    later = cose.sign(replace(good.new.body, time=good.new.body.time + 1), ROOTS[1].sign)
    assert refused([replace(good, new=later)]) is Code.DIRECTORY_SIGNATURE
    first = WORLD.signed_directory()
    assert refused([Handover(first, first)]) is Code.DIRECTORY_SIGNATURE


def test_versions_rise() -> None:
    assert refused([CHAIN[0], handed(1, version=2)]) is Code.DIRECTORY_SIGNATURE


@pytest.mark.parametrize("holder", [1, 3, 5])
def test_who_holds_a_later_root_is_led_nowhere_by_an_earlier_one(holder: int) -> None:
    thief = Key.of("thief of the first root")
    body = body_2(version=99, root=p256(thief.public))
    stolen = Handover(cose.sign(body, ROOTS[0].sign), cose.sign(body, thief.sign))
    assert followed([*CHAIN, stolen], ROOTS[holder].public) == followed(CHAIN, ROOTS[holder].public)
    assert refusal_of(lambda: Directory.of(stolen.new, ROOTS[holder].public)) is Code.DIRECTORY_SIGNATURE
