"""The bank directory: who the central bank says may certify, issue, notarise and redeem, and since when.

Wallets hold it, so bank certificates do not travel in payments. Keys that are retired stay listed with their
dates, so that what they signed while they were good stays valid for ever. SPEC section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar, Self

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_BANKS, MAX_ID_BYTES, MAX_KEYS_PER_ROLE, MAX_NAME_BYTES, MAX_SEQUENCE
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Kind, Signed, parse


class Role(IntEnum):
    """What a key of the central bank's own list is for."""

    ISSUING = 1
    POLICY = 2
    NOTARY = 3
    REDEMPTION = 4


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A compressed P-256 key and when it was in use: from ``since`` until ``until`` (None: still), unix seconds."""

    key: bytes
    since: int
    until: int | None = None

    def good_at(self, time: int) -> bool:
        return self.since <= time and (self.until is None or time <= self.until)

    def to_cbor(self) -> Cbor:
        return [self.key, self.since, self.until]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        key, since, until = codec.array(value, 3)
        entry = cls(
            codec.public_key(key), codec.moment(since), None if until is None else codec.moment(until)
        )
        require(entry.until is None or entry.since <= entry.until, Code.TIME_INVALID)  # 8.1.11
        return entry


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


def _entries(value: Cbor) -> tuple[KeyEntry, ...]:
    entries = tuple(KeyEntry.from_cbor(entry) for entry in codec.array(value, most=MAX_KEYS_PER_ROLE))
    require(len({entry.key for entry in entries}) == len(entries), Code.DUPLICATE_ITEM)  # 8.1.14
    return entries


@dataclass(frozen=True, slots=True)
class DirectoryBody:
    """What the root key signs: ``[version, time, banks, roles]``, banks by id, roles in order of Role."""

    KIND: ClassVar[Kind] = Kind.DIRECTORY

    version: int
    time: int
    banks: tuple[Bank, ...]
    roles: tuple[tuple[KeyEntry, ...], ...]

    def to_cbor(self) -> Cbor:
        return [
            self.version,
            self.time,
            [bank.to_cbor() for bank in self.banks],
            [[entry.to_cbor() for entry in entries] for entries in self.roles],
        ]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        version, time, banks, roles = codec.array(value, 4)
        listed = tuple(Bank.from_cbor(bank) for bank in codec.array(banks, most=MAX_BANKS))
        ids = [bank.id for bank in listed]
        require(ids == sorted(set(ids)), Code.MALFORMED)  # 8.1.4
        return cls(
            codec.uint(version, MAX_SEQUENCE),
            codec.moment(time),
            listed,
            tuple(_entries(entries) for entries in codec.array(roles, len(Role))),
        )


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory whose signature was checked, with the changes of later policies applied."""

    root: bytes
    version: int
    time: int
    banks: tuple[Bank, ...]
    roles: tuple[tuple[KeyEntry, ...], ...]

    @classmethod
    def open(cls, raw: bytes, root: bytes) -> Self:
        """The directory in ``raw``, signed by the compressed P-256 ``root``. DIRECTORY_SIGNATURE, or bytes codes."""
        return cls.of(parse(DirectoryBody, raw), root)

    @classmethod
    def of(cls, signed: Signed[DirectoryBody], root: bytes) -> Self:
        require(signed.signed_by(root), Code.DIRECTORY_SIGNATURE)  # 8.2.1
        body = signed.body
        return cls(root, body.version, body.time, body.banks, body.roles)

    def bank(self, bank_id: str) -> Bank:
        """BANK_UNKNOWN: an older directory may not list it yet."""
        for bank in self.banks:
            if bank.id == bank_id:
                return bank
        raise Refusal(Code.BANK_UNKNOWN, {"bank": bank_id})  # 8.2.2

    def bank_keys(self, bank_id: str, at: int) -> tuple[bytes, ...]:
        """The bank's keys that were good at ``at`` (unix seconds). BANK_UNKNOWN."""
        return tuple([entry.key for entry in self.bank(bank_id).keys if entry.good_at(at)])

    def keys(self, role: Role, at: int) -> tuple[bytes, ...]:
        """The keys of ``role`` that were good at ``at`` (unix seconds)."""
        return tuple(entry.key for entry in self.roles[role - 1] if entry.good_at(at))

    def is_redemption_key(self, key: bytes) -> bool:
        """Whether ``key`` is or ever was a redemption key."""
        return key in [entry.key for entry in self.roles[Role.REDEMPTION - 1]]

    def redemption_key(self) -> bytes:
        """The key that redemptions pay now: the newest one not retired. REDEMPTION_KEY where all are."""
        open_ones = [entry for entry in self.roles[Role.REDEMPTION - 1] if entry.until is None]
        require(bool(open_ones), Code.REDEMPTION_KEY)  # 8.3.8
        return max(open_ones, key=lambda entry: entry.since).key

    def with_changes(self, changes: Iterable[KeyChange]) -> Directory:
        """This directory after a policy's changes, in their order."""
        changed = self
        for change in changes:
            changed = change.apply(changed)
        return changed


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key added or retired by a policy delta: ``[role, bank id, bank name, entry]``.

    Role 0 is a bank's key (of a new bank, where the id is new); for other roles id and name are empty.
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
        role = codec.uint(role, max(Role))
        least = 1 if role == 0 else 0
        return cls(
            role,
            codec.text(bank, MAX_ID_BYTES if role == 0 else 0, least=least),
            codec.text(name, MAX_NAME_BYTES if role == 0 else 0, least=least),
            KeyEntry.from_cbor(entry),
        )

    def apply(self, directory: Directory) -> Directory:
        if self.role != 0:
            roles = list(directory.roles)
            roles[self.role - 1] = _updated(roles[self.role - 1], self.entry)
            return replace(directory, roles=tuple(roles))
        banks = {bank.id: bank for bank in directory.banks}
        known = banks.get(self.bank, Bank(self.bank, self.name, ()))
        banks[self.bank] = Bank(self.bank, self.name, _updated(known.keys, self.entry))
        require(len(banks) <= MAX_BANKS, Code.TOO_MANY, limit=MAX_BANKS)  # 8.1.5
        return replace(directory, banks=tuple(banks[bank_id] for bank_id in sorted(banks)))


def _updated(entries: tuple[KeyEntry, ...], entry: KeyEntry) -> tuple[KeyEntry, ...]:
    kept = tuple(old for old in entries if old.key != entry.key)
    require(len(kept) < MAX_KEYS_PER_ROLE, Code.TOO_MANY, limit=MAX_KEYS_PER_ROLE)  # 8.1.5
    return (*kept, entry)
