"""Two forms of a directory that say the same, and what a reader does with roles and algorithms it does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import NOW, Key, World
from tests.vectors.growing import ML_DSA_65, ORACLE, body_2, directory_2, role_change, unknown_to_today
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_OBJECT_BYTES, MAX_ROLE, MAX_SIGNER_KEY_BYTES
from wallet.protocol.codes import Code
from wallet.protocol.directory import (
    Directory,
    DirectoryBody,
    KeyChange,
    KeyEntry,
    Role,
    parse_directory,
)
from wallet.protocol.keys import PublicKey, UnknownAlgorithm, p256

WORLD = World()
ROOT = WORLD.root.public

algorithms = st.integers(-(2**31), 2**31).filter(lambda number: number != -7).map(UnknownAlgorithm)
unknown_keys = st.builds(PublicKey, algorithms, st.binary(min_size=1, max_size=80))
known_keys = st.sampled_from(["a", "b", "c", "d"]).map(lambda name: p256(Key.of(name).public))
entries = st.lists(
    st.builds(KeyEntry, st.one_of(known_keys, unknown_keys), st.integers(0, NOW), st.none()),
    max_size=4,
    unique_by=lambda entry: (repr(entry.key.algorithm), entry.key.raw),
).map(tuple)
roles = st.dictionaries(st.integers(1, MAX_ROLE), entries, max_size=8).map(
    lambda made: dict(sorted(made.items()))
)


def test_both_forms_are_the_same_directory() -> None:
    first = Directory.open(WORLD.signed_directory().encode(), ROOT)
    assert Directory.open(directory_2(body_2()), ROOT) == first


@given(roles)
def test_whatever_roles_there_are_they_come_back_byte_for_byte_and_the_known_ones_count(
    made: dict[int, tuple[KeyEntry, ...]],
) -> None:
    raw = directory_2(body_2(roles=made))
    assert parse_directory(raw).encode() == raw
    directory = Directory.open(raw, ROOT)
    assert directory.roles == made
    for role in Role:
        assert set(directory.keys(role, NOW)) == {entry.key for entry in made.get(role, ())}


def test_a_key_of_an_unknown_algorithm_signs_nothing_and_disturbs_none() -> None:
    directory = Directory.open(directory_2(unknown_to_today()), ROOT)
    later = directory.roles[Role.NOTARY][1].key
    assert later == PublicKey(UnknownAlgorithm(ML_DSA_65), bytes(1_952))
    assert not later.verify(b"message", bytes(64))
    commit = cose.sign(WORLD.signed_directory().body, WORLD.notary.sign)
    assert [commit.signed_by(key) for key in directory.keys(Role.NOTARY, NOW)] == [True, False]
    assert len(directory.roles[ORACLE]) == 2


def test_the_first_form_has_no_place_for_what_is_new() -> None:
    body = WORLD.signed_directory().body
    later = KeyEntry(PublicKey(UnknownAlgorithm(ML_DSA_65), b"x"), NOW)
    with_key = replace(body, roles={**body.roles, Role.NOTARY: (later,)})
    raw = cose.sign(with_key, WORLD.root.sign).encode()
    assert refusal_of(lambda: parse_directory(raw)) is Code.KEY_INVALID
    with_role = replace(body, roles={**body.roles, ORACLE: ()})
    assert cose.sign(with_role, WORLD.root.sign).payload == WORLD.signed_directory().payload


def test_a_policy_gives_a_key_to_a_role_that_is_not_known_and_takes_it_again() -> None:
    (change,) = role_change(ORACLE).changes
    directory = WORLD.directory().with_changes([change])
    assert directory.roles[ORACLE] == (change.entry,)
    retired = KeyChange(ORACLE, "", "", replace(change.entry, until=NOW + 9))
    assert directory.with_changes([retired]).roles[ORACLE] == (retired.entry,)
    assert list(directory.roles) == sorted(directory.roles)
    many = [KeyChange(role, "", "", change.entry) for role in range(1, 40)]
    assert refusal_of(lambda: WORLD.directory().with_changes(many)) is Code.TOO_MANY


def test_a_redemption_key_of_another_algorithm_is_never_paid() -> None:
    body = body_2()
    later = KeyEntry(PublicKey(UnknownAlgorithm(ML_DSA_65), b"x" * 33), NOW)
    keys = {**body.roles, Role.REDEMPTION: (*body.roles[Role.REDEMPTION], later)}
    directory = Directory.open(directory_2(body_2(roles=keys)), ROOT)
    assert directory.redemption_key() == WORLD.redemption.public
    none = Directory.open(directory_2(body_2(roles={Role.REDEMPTION: (later,)})), ROOT)
    assert refusal_of(none.redemption_key) is Code.REDEMPTION_KEY


@pytest.mark.parametrize(
    "key", [[-7, b"x"], [True, b"x"], [2**40, b"x"], [-49], [-49, "x"], [-49, bytes(4_097)]]
)
def test_a_key_has_one_form(key: codec.Cbor) -> None:
    assert refusal_of(lambda: codec.signer_key(key)) is Code.MALFORMED
    assert refusal_of(lambda: codec.signer_key([-49, b""])) is Code.KEY_INVALID
    assert codec.signer_key([-49, bytes(MAX_SIGNER_KEY_BYTES)]).raw == bytes(MAX_SIGNER_KEY_BYTES)


def test_the_second_form_is_larger_than_other_objects_may_be_and_the_first_is_not() -> None:
    bank = WORLD.signed_directory().body.banks[0]
    names = [f"bank{number:02}" for number in range(60)]
    keys = tuple(KeyEntry(p256(Key.of(f"{number}").public), NOW) for number in range(8))
    banks = tuple(replace(bank, id=name, keys=keys) for name in names)
    raw = directory_2(body_2(banks=banks))
    assert len(raw) > MAX_OBJECT_BYTES
    assert len(Directory.open(raw, ROOT).banks) == 60
    first = cose.sign(DirectoryBody(1, NOW, banks, body_2().roles), WORLD.root.sign).encode()
    assert refusal_of(lambda: parse_directory(first)) is Code.TOO_LARGE
