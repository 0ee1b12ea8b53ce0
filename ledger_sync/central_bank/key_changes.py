"""Changes of keys that policies carry: which there are, and what a new key changes.

Rule: a key that follows is listed before it is good, so that everybody has heard of it by then; those that it follows
stay good for a while after, since what is under way is signed by them. None is ever taken from the list, and none ends
before the present moment (SPEC 4.1), so whatever was signed verifies for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger_sync.central_bank.ports.policy import PolicyLog
from ledger_sync.service.delta_log import MAX_DELTAS_ONLINE
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_KEYS_PER_ROLE
from wallet.protocol.codes import Code, require
from wallet.protocol.directory import Directory, KeyChange, KeyEntry, Role
from wallet.protocol.keys import p256
from wallet.protocol.parts import parts_of
from wallet.protocol.policy import Baseline, PolicyDelta

OF_BANK: Final = 0
"""The role of a bank's keys in a change."""
ROLES: Final = frozenset({OF_BANK, Role.ISSUING, Role.POLICY, Role.NOTARY, Role.REDEMPTION})
"""Whose keys follow one on the other, as those of each part of the notary do. Auditors read beside each other."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A 33-byte key for a role, or for a bank where that is `OF_BANK`: good from ``since`` (unix seconds) on, and the
    others for ``rest`` seconds more."""

    role: int
    bank: str
    key: bytes
    since: int
    rest: int


class KeyChanges:
    """The changes of all deltas there ever were, as they stand in the store. Safe to share between threads."""

    def __init__(self, policy: PolicyLog) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._read = 0
        self._held: dict[tuple[int, str, bytes], KeyChange] = {}
        self._over: tuple[Directory | None, int, Directory | None] = (None, 0, None)

    @property
    def changes(self) -> tuple[KeyChange, ...]:
        """What they have come to, the last of each key."""
        self._follow()
        with self._lock:
            return tuple(self._held.values())

    def over(self, directory: Directory) -> Directory:
        """``directory``, which the root signed, with all of them."""
        self._follow()
        signed, read, changed = self._over
        if changed is None or signed is not directory or read != self._read:
            with self._lock:
                read, held = self._read, tuple(self._held.values())
            changed = directory.with_changes(held)
            self._over = (directory, read, changed)
        return changed

    def _follow(self) -> None:
        """Deltas that are new here, whoever of the service's processes signed them."""
        newest = self._policy.newest()
        with self._lock:
            while self._read < newest:
                raws = self._policy.deltas(self._read, newest, MAX_DELTAS_ONLINE)
                for raw in raws:
                    self._hold(cose.parse(PolicyDelta, raw).body.changes)
                self._read += len(raws)
                if not raws and not self._begin_with_base():
                    break

    def _begin_with_base(self) -> bool:
        """Whether there is a base later than what was read: the deltas that follow on that are kept no longer."""
        held = self._policy.base()
        if held is None or held[0] <= self._read:
            return False
        version, raw = held
        baseline = Baseline.from_cbor(codec.decode(raw, len(raw)))
        self._hold(baseline.base.body.changes)
        self._read = version
        return True

    def _hold(self, changes: Iterable[KeyChange]) -> None:
        for change in changes:
            name = (change.role, change.bank, change.entry.key.raw)
            self._held.pop(name, None)
            self._held[name] = change


def following(directory: Directory, new: NewKey, now: int) -> tuple[KeyChange, ...]:
    """What ``new`` changes in a directory; nothing, where all of it stands there. A key that is listed ends only those
    before it. MALFORMED: it is to begin in the past, or has itself been followed and is to begin another time; or it is
    for the notary's role where parts decide."""
    is_known = new.role in ROLES or new.role in parts_of(directory)
    require(is_known and (new.role == OF_BANK) == bool(new.bank), Code.MALFORMED)
    require(new.role != Role.NOTARY or not parts_of(directory), Code.MALFORMED)
    bank = directory.bank(new.bank) if new.role == OF_BANK else None
    entries = directory.roles.get(new.role, ()) if bank is None else bank.keys
    changed = _following(entries, new, now)
    name = "" if bank is None else bank.name
    changes = [KeyChange(new.role, new.bank, name, entry) for entry in changed]
    if new.role in parts_of(directory):
        listed = {entry.key for entry in directory.roles.get(Role.NOTARY, ())}
        has_room = len(listed) < MAX_KEYS_PER_ROLE
        mirrored = [entry for entry in changed if entry.key in listed or has_room]
        changes += [KeyChange(Role.NOTARY, "", "", entry) for entry in mirrored]
    directory.with_changes(changes)  # TOO_MANY before anything is signed that nobody could follow
    return tuple(changes)


def _following(entries: Sequence[KeyEntry], new: NewKey, now: int) -> list[KeyEntry]:
    """The entries of one list that ``new`` changes."""
    key = p256(new.key)
    listed = next((entry for entry in entries if entry.key == key), None)
    if listed is not None and listed.until is not None:
        require(new.since == listed.since, Code.MALFORMED, since=listed.since)
        return []
    end = max(new.since + new.rest, now)
    changed = [
        KeyEntry(entry.key, entry.since, max(end, entry.since))
        for entry in entries
        if entry.key != key
        and entry.until is None
        and (listed is None or (entry.since, entry.key.raw) < (listed.since, key.raw))
    ]
    if listed is None:
        require(new.since >= now, Code.MALFORMED, now=now)
        changed.insert(0, KeyEntry(key, new.since))
    return changed
