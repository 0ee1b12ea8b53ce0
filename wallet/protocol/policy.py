"""Policy: limits, revoked wallets and key changes, signed by the central bank and carried from wallet to wallet.

Deltas are applied in order without gaps; the head says which version is the newest that was signed, and when.
Only limits and revocations decide acceptance; key changes widen the directory. SPEC section 4.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import ClassVar, Self

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import (
    ID_BYTES,
    MAX_CHANGES_IN_BASE,
    MAX_DELTA_BYTES,
    MAX_DELTAS,
    MAX_KEYS_PER_ROLE,
    MAX_REVOKED_IN_BASE,
    MAX_REVOKED_PER_DELTA,
    MAX_SEQUENCE,
    MAX_TIME,
    REVOCATION_ID_BYTES,
)
from wallet.protocol.certificate import Limits
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, KeyChange, Role
from wallet.protocol.kinds import Kind


class Reason(IntEnum):
    """Why a wallet is revoked. CONFLICT counts anywhere in a provenance, the others only face to face."""

    CONFLICT = 1
    LOST = 2
    LIMITS = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class PolicyHead:
    """``[version, time, limits, grace]``: the newest version, when it was signed, limits for every wallet, and
    the seconds after a token's expiry in which it can still be redeemed."""

    KIND: ClassVar[Kind] = kinds.POLICY_HEAD

    version: int
    time: int
    limits: Limits
    grace: int

    def to_cbor(self) -> Cbor:
        return [self.version, self.time, self.limits.to_cbor(), self.grace]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        version, time, limits, grace = codec.array(value, 4)
        return cls(
            codec.uint(version, MAX_SEQUENCE),
            codec.moment(time),
            Limits.from_cbor(limits),
            codec.uint(grace, MAX_TIME),
        )


@dataclass(frozen=True, slots=True)
class PolicyDelta:
    """``[version, time, revoked, removed, changes]``: what this version adds to the one before.

    ``revoked`` and ``removed`` name wallets by ``Certificate.revocation_id``, which only their own bank's have.
    """

    KIND: ClassVar[Kind] = kinds.POLICY_DELTA

    version: int
    time: int
    revoked: tuple[tuple[bytes, Reason], ...]
    removed: tuple[bytes, ...]
    changes: tuple[KeyChange, ...]

    def to_cbor(self) -> Cbor:
        return [
            self.version,
            self.time,
            [[revoked, int(reason)] for revoked, reason in self.revoked],
            list(self.removed),
            [change.to_cbor() for change in self.changes],
        ]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        version, time, revoked, removed, changes = codec.array(value, 5)
        return cls(
            codec.uint(version, MAX_SEQUENCE),
            codec.moment(time),
            tuple(_revocation(item) for item in codec.array(revoked, most=MAX_REVOKED_PER_DELTA)),
            tuple(
                codec.octets(item, REVOCATION_ID_BYTES)
                for item in codec.array(removed, most=MAX_REVOKED_PER_DELTA)
            ),
            tuple(KeyChange.from_cbor(change) for change in codec.array(changes, most=MAX_KEYS_PER_ROLE)),
        )


def _revocation(value: Cbor) -> tuple[bytes, Reason]:
    revoked, reason = codec.array(value, 2)
    if type(reason) is not int or reason not in set(Reason):
        raise Refusal(Code.MALFORMED)  # 8.1.4
    return codec.octets(revoked, REVOCATION_ID_BYTES), Reason(reason)


@dataclass(frozen=True, slots=True)
class PolicyUpdate:
    """Part of a policy that travels: deltas in order of version, and the head unless deltas were left out for size."""

    head: Signed[PolicyHead] | None
    deltas: tuple[Signed[PolicyDelta], ...]

    @property
    def says_nothing(self) -> bool:
        """Whether it is the answer to somebody who lacks deltas that are no longer kept, and begins with the base."""
        return self.head is None and not self.deltas

    def to_cbor(self) -> Cbor:
        return [
            None if self.head is None else self.head.to_cbor(),
            [delta.to_cbor() for delta in self.deltas],
        ]

    @classmethod
    def from_cbor(cls, value: Cbor, *, most: int = MAX_DELTAS) -> Self:
        head, deltas = codec.array(value, 2)
        update = cls(
            None if head is None else cose.from_cbor(PolicyHead, head),
            tuple(cose.from_cbor(PolicyDelta, delta) for delta in codec.array(deltas, most=most)),
        )
        for delta in update.deltas:
            size = len(delta.encode())
            require(size <= MAX_DELTA_BYTES, Code.TOO_LARGE, bytes=size, limit=MAX_DELTA_BYTES)  # 8.1.1
        return update


@dataclass(frozen=True, slots=True)
class PolicyBase:
    """``[version, time, changes, digest]``: where a wallet may begin that holds no policy, or an older one. All deltas
    up to ``version`` have come to these key changes and to the list of revocations whose SHA-256 is ``digest``."""

    KIND: ClassVar[Kind] = kinds.POLICY_BASE

    version: int
    time: int
    changes: tuple[KeyChange, ...]
    digest: bytes

    def to_cbor(self) -> Cbor:
        return [self.version, self.time, [change.to_cbor() for change in self.changes], self.digest]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        version, time, changes, digest = codec.array(value, 4)
        return cls(
            codec.uint(version, MAX_SEQUENCE),
            codec.moment(time),
            tuple(KeyChange.from_cbor(change) for change in codec.array(changes, most=MAX_CHANGES_IN_BASE)),
            codec.octets(digest, ID_BYTES),
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """``[base, revoked]``: a base as it travels, with its list in ascending order of revocation ids."""

    base: Signed[PolicyBase]
    revoked: tuple[tuple[bytes, Reason], ...]

    def to_cbor(self) -> Cbor:
        return [self.base.to_cbor(), _listed(self.revoked)]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        base, revoked = codec.array(value, 2)
        listed = codec.array(revoked, most=MAX_REVOKED_IN_BASE)
        return cls(cose.from_cbor(PolicyBase, base), tuple(_revocation(item) for item in listed))

    def policy(self, directory: Directory) -> Policy:
        """The policy at the base's version over ``directory``, as the root signed it; a head is still to come.

        Raises ``Refusal``: POLICY_SIGNATURE, also for another list than the one that was signed.
        """
        body = self.base.body
        changed = directory.with_changes(body.changes)
        _check_signed(self.base, body.time, changed)
        require(digest_of(self.revoked) == body.digest, Code.POLICY_SIGNATURE)  # 8.2.7
        return Policy(changed, body.version, NO_HEAD, dict(self.revoked), body.time)


def digest_of(revoked: Iterable[tuple[bytes, Reason]]) -> bytes:
    """SHA-256 of a list of revocations as it is encoded."""
    return hashlib.sha256(codec.encode(_listed(revoked))).digest()


def _listed(revoked: Iterable[tuple[bytes, Reason]]) -> Cbor:
    return [[name, int(reason)] for name, reason in revoked]


NO_HEAD = PolicyHead(0, 0, Limits(1, 1, 1, 0, 0), 0)
"""Older than any head that is signed: nobody gets to see it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Policy that a wallet or service goes by now: every delta up to ``version`` applied over its directory.

    ``revoked`` is looked up by ``Certificate.revocation_id``.
    """

    directory: Directory
    version: int
    head: PolicyHead
    revoked: Mapping[bytes, Reason] = field(default_factory=dict)
    latest: int = 0
    """The latest time signed in anything that was applied before ``head``."""

    @property
    def time(self) -> int:
        """The latest time the central bank has signed here, unix seconds. It never goes back."""
        return max(self.latest, self.head.time, self.directory.time)

    def apply(self, update: PolicyUpdate) -> Policy:
        """This policy with what is newer in ``update``; older parts are passed over.

        Raises ``Refusal``: POLICY_SIGNATURE, POLICY_GAP (a delta does not follow on what is held).
        """
        current = self._followed([item for item in update.deltas if item.body.version > self.version])
        head = update.head
        if head is None or (head.body.version, head.body.time) <= (current.head.version, current.head.time):
            return current
        require(head.body.version <= current.version, Code.POLICY_GAP, have=current.version)  # 8.2.6
        _check_signed(head, head.body.time, current.directory)
        return replace(current, head=head.body, latest=current.time)

    def _followed(self, deltas: Sequence[Signed[PolicyDelta]]) -> Policy:
        """This policy after deltas that are newer: one copy of what is revoked, however many there are."""
        if not deltas:
            return self
        version, time, directory = self.version, self.time, self.directory
        revoked = dict(self.revoked)
        for delta in deltas:
            body = delta.body
            if body.version <= version:
                continue
            require(body.version == version + 1, Code.POLICY_GAP, have=version, version=body.version)  # 8.2.6
            _check_signed(delta, body.time, directory)
            for removed in body.removed:
                revoked.pop(removed, None)
            revoked.update(body.revoked)
            directory = directory.with_changes(body.changes)
            version, time = body.version, max(time, body.time)
        return Policy(directory, version, self.head, revoked, time)


def first_policy(
    directory: Directory, head: Signed[PolicyHead], deltas: Iterable[Signed[PolicyDelta]]
) -> Policy:
    """The policy of a wallet that held none: all deltas from version 1, then the head.

    Raises ``Refusal``: POLICY_SIGNATURE, POLICY_GAP.
    """
    reached = Policy(directory, 0, head.body).apply(PolicyUpdate(None, tuple(deltas)))
    require(reached.version >= head.body.version, Code.POLICY_GAP, have=reached.version)  # 8.2.6
    # Only now, for a delta may have brought the key that signed the head.
    _check_signed(head, head.body.time, reached.directory)
    return reached


def _check_signed(
    signed: Signed[PolicyHead] | Signed[PolicyDelta] | Signed[PolicyBase], time: int, directory: Directory
) -> None:
    keys = directory.keys(Role.POLICY, time)
    require(any(signed.signed_by(key) for key in keys), Code.POLICY_SIGNATURE)  # 8.2.7
