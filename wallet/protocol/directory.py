"""The bank directory: who the central bank says may certify, issue, notarise and redeem, and since when.

Wallets hold it, so bank certificates do not travel in payments. Keys that are retired stay listed with their
dates, so that what they signed while they were good stays valid for ever. It has two forms, which say the same where
they are of one version: the first has the four roles of its time in order, the second has roles by number, keys of any
algorithm, and the root it is signed by. A role or algorithm that a reader does not know is kept and passed over.
SPEC section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar, Final, Self

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import (
    MAX_BANKS,
    MAX_ID_BYTES,
    MAX_KEYS_PER_ROLE,
    MAX_NAME_BYTES,
    MAX_ROLE,
    MAX_ROLES,
    MAX_SEQUENCE,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.keys import ES256, PublicKey, p256
from wallet.protocol.kinds import Kind


class Role(IntEnum):
    """Purpose of a key of the central bank's own list: the numbers that this version knows."""

    ISSUING = 1
    POLICY = 2
    NOTARY = 3
    REDEMPTION = 4
    AUDITOR = 5
    """Reads the notary's log (SPEC 4.14); the first form of a directory has no place for it."""


_OF_FIRST_FORM: Final = (Role.ISSUING, Role.POLICY, Role.NOTARY, Role.REDEMPTION)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key that signs for a role or bank, from ``since`` until ``until`` (None: still), unix seconds."""

    key: PublicKey
    since: int
    until: int | None = None

    def good_at(self, time: int) -> bool:
        """Whether the key may sign at ``time`` (unix seconds): from ``since`` to ``until``, both included."""
        return self.since <= time and (self.until is None or time <= self.until)

    def to_cbor(self) -> Cbor:
        return [codec.written_key(self.key), self.since, self.until]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        """With a key of any algorithm."""
        key, since, until = codec.array(value, 3)
        entry = cls(
            codec.signer_key(key), codec.moment(since), None if until is None else codec.moment(until)
        )
        require(entry.until is None or entry.since <= entry.until, Code.TIME_INVALID)  # 8.1.11
        return entry


Roles = Mapping[int, tuple[KeyEntry, ...]]
"""Keys by number of role (``Role``, or one that is not known here), ascending."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank's id (as in ``iss`` of its wallet certificates), the name people know, and its keys."""

    id: str
    name: str
    keys: tuple[KeyEntry, ...]

    def to_cbor(self) -> Cbor:
        return [self.id, self.name, [entry.to_cbor() for entry in self.keys]]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        bank, name, keys = codec.array(value, 3)
        return cls(
            codec.text(bank, MAX_ID_BYTES, least=1),
            codec.text(name, MAX_NAME_BYTES, least=1),
            _entries(keys),
        )


def roles_of(entries: Iterable[tuple[KeyEntry, ...]]) -> Roles:
    """The keys of roles 1 to 4, given in this order."""
    return dict(zip(_OF_FIRST_FORM, entries, strict=True))


def _entries(value: Cbor) -> tuple[KeyEntry, ...]:
    entries = tuple(KeyEntry.from_cbor(entry) for entry in codec.array(value, most=MAX_KEYS_PER_ROLE))
    require(len({entry.key for entry in entries}) == len(entries), Code.DUPLICATE_ITEM)  # 8.1.14
    return entries


@dataclass(frozen=True, slots=True)
class DirectoryBody:
    """Directory in its first form, as the root key signs it: ``[version, time, banks, roles]``, banks by id, the
    keys of roles 1 to 4 in order, all of them ES256."""

    KIND: ClassVar[Kind] = kinds.DIRECTORY

    version: int
    time: int
    banks: tuple[Bank, ...]
    roles: Roles

    def to_cbor(self) -> Cbor:
        return [
            self.version,
            self.time,
            [bank.to_cbor() for bank in self.banks],
            [[entry.to_cbor() for entry in self.roles.get(role, ())] for role in _OF_FIRST_FORM],
        ]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        version, time, banks, roles = codec.array(value, 4)
        body = cls(
            codec.uint(version, MAX_SEQUENCE),
            codec.moment(time),
            _banks(banks),
            roles_of(_entries(entries) for entries in codec.array(roles, len(_OF_FIRST_FORM))),
        )
        lists = [bank.keys for bank in body.banks] + list(body.roles.values())
        if any(entry.key.algorithm is not ES256 for entries in lists for entry in entries):
            raise Refusal(Code.KEY_INVALID)  # 8.1.12
        return body


@dataclass(frozen=True, slots=True)
class DirectoryBody2(DirectoryBody):
    """The second form: ``[version, time, root, banks, roles]``, roles as pairs ``[role, keys]`` by number, keys of any
    algorithm. ``root`` is the key that this directory is to be signed by."""

    KIND: ClassVar[Kind] = kinds.DIRECTORY_2

    root: PublicKey

    def to_cbor(self) -> Cbor:
        return [
            self.version,
            self.time,
            codec.written_key(self.root),
            [bank.to_cbor() for bank in self.banks],
            [[role, [entry.to_cbor() for entry in entries]] for role, entries in self.roles.items()],
        ]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        version, time, root, banks, roles = codec.array(value, 5)
        pairs = [codec.array(pair, 2) for pair in codec.array(roles, most=MAX_ROLES)]
        numbers = [codec.uint(role, MAX_ROLE) for role, _ in pairs]
        require(0 not in numbers and numbers == sorted(set(numbers)), Code.MALFORMED)  # 8.1.4
        return cls(
            codec.uint(version, MAX_SEQUENCE),
            codec.moment(time),
            _banks(banks),
            {role: _entries(entries) for role, (_, entries) in zip(numbers, pairs, strict=True)},
            codec.signer_key(root),
        )


BODIES: Final = (DirectoryBody2, DirectoryBody)
"""Every form of a directory that is read here."""


def _banks(value: Cbor) -> tuple[Bank, ...]:
    listed = tuple(Bank.from_cbor(bank) for bank in codec.array(value, most=MAX_BANKS))
    ids = [bank.id for bank in listed]
    require(ids == sorted(set(ids)), Code.MALFORMED)  # 8.1.4
    return listed


def read_directory(value: Cbor) -> Signed[DirectoryBody]:
    """A signed directory of either form; that the root signed it is for ``Directory.of``. The codes of SPEC 8.1."""
    return cose.one_of(BODIES, value)


def parse_directory(raw: bytes) -> Signed[DirectoryBody]:
    """``read_directory`` of bytes."""
    return codec.read(raw, max(body.KIND.most for body in BODIES), read_directory)


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory whose signature was checked, with the changes of later policies applied."""

    root: bytes
    version: int
    time: int
    banks: tuple[Bank, ...]
    roles: Roles

    @classmethod
    def open(cls, raw: bytes, root: bytes) -> Self:
        """The directory in ``raw``, signed by ``root``: 33 bytes. DIRECTORY_SIGNATURE, or bytes codes."""
        return cls.of(parse_directory(raw), root)

    @classmethod
    def of(cls, signed: Signed[DirectoryBody], root: bytes) -> Self:
        """DIRECTORY_SIGNATURE: not signed by ``root``, or to be signed by another."""
        key, body = p256(root), signed.body
        require(signed.signed_by(key), Code.DIRECTORY_SIGNATURE)  # 8.2.1
        require(not isinstance(body, DirectoryBody2) or body.root == key, Code.DIRECTORY_SIGNATURE)  # 8.2.1
        return cls(root, body.version, body.time, body.banks, body.roles)

    def bank(self, bank_id: str) -> Bank:
        """BANK_UNKNOWN: an older directory may not list it yet."""
        for bank in self.banks:
            if bank.id == bank_id:
                return bank
        raise Refusal(Code.BANK_UNKNOWN, {"bank": bank_id})  # 8.2.2

    def bank_keys(self, bank_id: str, at: int) -> tuple[PublicKey, ...]:
        """The bank's keys that were good at ``at`` (unix seconds). BANK_UNKNOWN."""
        return tuple([entry.key for entry in self.bank(bank_id).keys if entry.good_at(at)])

    def keys(self, role: Role, at: int) -> tuple[PublicKey, ...]:
        """The keys of ``role`` that were good at ``at`` (unix seconds)."""
        return tuple(entry.key for entry in self.roles.get(role, ()) if entry.good_at(at))

    def is_redemption_key(self, key: bytes) -> bool:
        """Whether ``key`` is or ever was a redemption key."""
        return key in [entry.key.raw for entry in self.roles.get(Role.REDEMPTION, ())]

    def redemption_key(self) -> bytes:
        """The key that redemptions pay now: the newest one not retired. REDEMPTION_KEY where all are."""
        redemption = self.roles.get(Role.REDEMPTION, ())
        open_ones = [entry for entry in redemption if entry.until is None and entry.key.algorithm is ES256]
        require(bool(open_ones), Code.REDEMPTION_KEY)  # 8.3.8
        return max(open_ones, key=lambda entry: entry.since).key.raw

    def with_changes(self, changes: Iterable[KeyChange]) -> Directory:
        """This directory after a policy's changes, in their order."""
        changed = self
        for change in changes:
            changed = change.apply(changed)
        return changed


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key added or retired by a policy delta: ``[role, bank id, bank name, entry]``.

    Role 0 is a bank's key (of a new bank, where the id is new); for other roles, known here or not, id and name are
    empty.
    """

    role: int
    bank: str
    name: str
    entry: KeyEntry

    def to_cbor(self) -> Cbor:
        return [self.role, self.bank, self.name, self.entry.to_cbor()]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        role, bank, name, entry = codec.array(value, 4)
        role = codec.uint(role, MAX_ROLE)
        least = 1 if role == 0 else 0
        return cls(
            role,
            codec.text(bank, MAX_ID_BYTES if role == 0 else 0, least=least),
            codec.text(name, MAX_NAME_BYTES if role == 0 else 0, least=least),
            KeyEntry.from_cbor(entry),
        )

    def apply(self, directory: Directory) -> Directory:
        if self.role != 0:
            roles = {**directory.roles, self.role: _updated(directory.roles.get(self.role, ()), self.entry)}
            require(len(roles) <= MAX_ROLES, Code.TOO_MANY, limit=MAX_ROLES)  # 8.1.5
            return replace(directory, roles=dict(sorted(roles.items())))
        banks = {bank.id: bank for bank in directory.banks}
        known = banks.get(self.bank, Bank(self.bank, self.name, ()))
        banks[self.bank] = Bank(self.bank, self.name, _updated(known.keys, self.entry))
        require(len(banks) <= MAX_BANKS, Code.TOO_MANY, limit=MAX_BANKS)  # 8.1.5
        return replace(directory, banks=tuple(banks[bank_id] for bank_id in sorted(banks)))


def _updated(entries: tuple[KeyEntry, ...], entry: KeyEntry) -> tuple[KeyEntry, ...]:
    kept = tuple(old for old in entries if old.key != entry.key)
    require(len(kept) < MAX_KEYS_PER_ROLE, Code.TOO_MANY, limit=MAX_KEYS_PER_ROLE)  # 8.1.5
    return (*kept, entry)
