"""Whose keys decide a reference: the part's of the longest prefix that has begun, and the notary's where none has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import NOW, Key, World
from wallet.protocol.directory import Directory, KeyEntry, Role
from wallet.protocol.keys import p256
from wallet.protocol.parts import (
    MAX_PREFIX,
    are_whole,
    decider,
    entries_of,
    is_part,
    notaries,
    notary_keys,
    prefix_of,
    role_of,
)
from wallet.protocol.transfer import TokenRef

WORLD = World()
PREFIXES = st.text("01", max_size=MAX_PREFIX)


def directory(parts: dict[str, Sequence[KeyEntry]]) -> Directory:
    held = WORLD.directory()
    roles = {**held.roles, **{role_of(prefix): tuple(entries) for prefix, entries in parts.items()}}
    return Directory(held.root, held.version, held.time, held.banks, dict(sorted(roles.items())))


def entry(name: str, since: int, until: int | None = None) -> KeyEntry:
    return KeyEntry(p256(Key.of(name).public), since, until)


def ref(first: int) -> TokenRef:
    return TokenRef(bytes([first]) + bytes(31), 0)


def test_a_part_is_a_role_by_the_bits_of_its_prefix() -> None:
    assert [role_of(prefix) for prefix in ("", "0", "1", "00", "111111")] == [Role.NOTARY, 34, 35, 36, 159]
    assert not any(is_part(role) for role in (*Role, 32, 33, 160))
    for prefix in ("2", "0000000", "0b1", "-1", " 0"):
        with pytest.raises(ValueError, match="prefix"):
            role_of(prefix)


@given(PREFIXES, PREFIXES)
def test_two_parts_have_two_roles(one: str, other: str) -> None:
    assert (role_of(one) == role_of(other)) == (one == other)
    assert one == "" or is_part(role_of(one))


@given(st.sets(PREFIXES, max_size=8))
def test_prefixes_are_whole_where_each_id_begins_with_one(prefixes: set[str]) -> None:
    counts = [sum(f"{first:08b}".startswith(prefix) for prefix in prefixes) for first in range(256)]
    assert are_whole(prefixes) == (set(counts) == {1})


@given(
    st.dictionaries(PREFIXES.filter(bool), st.integers(0, 9), max_size=5),
    st.integers(0, 9),
    st.integers(0, 255),
)
def test_the_longest_prefix_that_has_begun_decides(begun: dict[str, int], now: int, first: int) -> None:
    held = directory({prefix: [entry(prefix, NOW + since)] for prefix, since in begun.items()})
    bits = prefix_of(ref(first).txid, MAX_PREFIX)
    there = [prefix for prefix, since in begun.items() if since <= now and bits.startswith(prefix)]
    expected = role_of(max(there, key=len)) if there else Role.NOTARY
    assert decider(held, ref(first), NOW + now) == expected
    good = [each.key for each in held.roles[expected] if each.good_at(NOW + now)]
    assert list(notary_keys(held, [ref(first)], NOW + now)) == good


def test_a_part_whose_keys_have_ended_is_nobodys() -> None:
    held = directory({"0": [entry("west", NOW, NOW + 10)]})
    assert notary_keys(held, [ref(0)], NOW + 10) == (entry("west", NOW).key,)
    assert notary_keys(held, [ref(0)], NOW + 11) == ()
    assert notary_keys(held, [ref(0x80)], NOW + 11) == held.keys(Role.NOTARY, NOW)


def test_what_is_in_two_parts_is_said_by_who_decides_both() -> None:
    both, west = entry("both", NOW), entry("west", NOW)
    held = directory({"0": [both, west], "1": [both]})
    assert notary_keys(held, [ref(0), ref(0x80)], NOW) == (both.key,)
    assert notary_keys(held, [ref(0), ref(1)], NOW) == (both.key, west.key)
    assert set(notaries(held, NOW)) == {both.key, west.key, *held.keys(Role.NOTARY, NOW)}


def test_who_decides_parts_signs_for_the_notary_until_they_begin() -> None:
    whole = WORLD.directory().roles[Role.NOTARY]
    first, later = entry("west", NOW, NOW + 100), entry("west later", NOW + 50)
    held = directory({"00": [first, later], "01": [first, later], "1": [entry("east", NOW)]})
    assert entries_of(held, [""]) == whole
    *before, one, two = entries_of(held, ["00", "01"])
    assert (one, two) == (first, later)
    assert [(each.key, each.until) for each in before] == [(each.key, NOW - 1) for each in whole]
    assert entries_of(WORLD.directory(), ["0"]) == whole, "before the directory names any"
