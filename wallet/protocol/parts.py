"""Parts of the notary: whose keys decide a reference, in a network that splits references by the prefix of their ids.

Rule: a part is a prefix of up to six bits, and a role of the directory of its own. Of the parts that have begun the one
with the longest prefix decides; where none has, the notary's role does, which is all there is in most networks. SPEC
section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final

from wallet.protocol.directory import Directory, KeyEntry, Role
from wallet.protocol.keys import PublicKey
from wallet.protocol.transfer import TokenRef

WHOLE: Final = ""
"""The prefix of every id."""
MAX_PREFIX: Final = 6
"""Bits."""
_BASE: Final = 32
"""A part's role is this and more by the bits of its prefix after a 1, read as a number."""
_FIRST, _LAST = _BASE + 0b10, _BASE + (0b10 << MAX_PREFIX) - 1


def role_of(prefix: str) -> int:
    """The role of the part whose ids begin with these bits, a text of 0 and 1. ``ValueError``."""
    if len(prefix) > MAX_PREFIX or prefix.strip("01"):
        raise ValueError(f"no prefix: {prefix!r}")
    return _BASE + int(f"1{prefix}", 2) if prefix else Role.NOTARY


def are_whole(prefixes: Iterable[str]) -> bool:
    """Whether every id begins with exactly one of these."""
    listed = sorted(prefixes)
    overlap = any(later.startswith(prefix) for prefix, later in pairwise(listed))
    return not overlap and sum(1 << (MAX_PREFIX - len(prefix)) for prefix in listed) == 1 << MAX_PREFIX


def prefix_of(txid: bytes, length: int) -> str:
    """The first ``length`` bits of an id, 6 at most."""
    return f"{txid[0]:08b}"[:length]


def is_part(role: int) -> bool:
    """Whether a role is a part's."""
    return _FIRST <= role <= _LAST


def parts_of(directory: Directory) -> tuple[int, ...]:
    """The roles of the parts that a directory names."""
    return tuple([role for role in directory.roles if _FIRST <= role <= _LAST])


def begun(directory: Directory, at: int) -> frozenset[int]:
    """The roles of the parts that had begun at ``at`` (unix seconds)."""
    return frozenset(role for role in parts_of(directory) if _has_begun(directory, role, at))


def decider(directory: Directory, ref: TokenRef, at: int) -> int:
    """The role whose keys decide a reference at ``at`` (unix seconds)."""
    parts = parts_of(directory)
    for length in range(MAX_PREFIX, 0, -1) if parts else ():
        role = role_of(prefix_of(ref.txid, length))
        if role in parts and _has_begun(directory, role, at):
            return role
    return Role.NOTARY


def notary_keys(directory: Directory, refs: Iterable[TokenRef], at: int) -> tuple[PublicKey, ...]:
    """The keys that were good at ``at`` to say who consumed all of these."""
    if not parts_of(directory):
        return directory.keys(Role.NOTARY, at)
    first, *others = [_keys(directory, role, at) for role in {decider(directory, ref, at) for ref in refs}]
    return tuple(key for key in first if all(key in keys for keys in others))


def notaries(directory: Directory, at: int) -> tuple[PublicKey, ...]:
    """The keys of all that were notaries at ``at``."""
    roles = (Role.NOTARY, *parts_of(directory))
    return tuple(dict.fromkeys(key for role in roles for key in _keys(directory, role, at)))


def entries_of(directory: Directory, prefixes: Iterable[str]) -> tuple[KeyEntry, ...]:
    """The keys that decide all of these parts, each for as long as it does; before their parts began that was the
    notary's role's."""
    whole, roles = directory.roles.get(Role.NOTARY, ()), [role_of(prefix) for prefix in prefixes]
    first, *others = [directory.roles.get(role, ()) for role in roles]
    if roles == [Role.NOTARY]:
        return whole
    own = tuple(entry for entry in first if all(entry in entries for entries in others))
    if not own:
        return whole
    end = min(entry.since for entry in own) - 1
    before = [entry for entry in whole if entry.since <= end]
    return (*(replace(entry, until=min(end, entry.until or end)) for entry in before), *own)


def _has_begun(directory: Directory, role: int, at: int) -> bool:
    return any(entry.since <= at for entry in directory.roles[role])


def _keys(directory: Directory, role: int, at: int) -> tuple[PublicKey, ...]:
    return tuple(entry.key for entry in directory.roles.get(role, ()) if entry.good_at(at))
