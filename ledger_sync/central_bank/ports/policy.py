"""The policy's log: deltas by version, the head, the base, and what is revoked.

Rule: deltas are numbered without gaps, each once; they go from below, once the base says what they came to. What was
revoked and stands in no delta yet is pending; it counts already. A revocation is replaced only by one for a conflict.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Baseline, PolicyDelta, PolicyHead, Reason

Revoked = tuple[bytes, Reason]
"""A revocation id and why."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Of a wallet's key at its bank, since `time`; it leaves after `leaves` (unix seconds)."""

    id: bytes
    bank: str
    key: bytes
    reason: Reason
    time: int
    leaves: int


class PolicyLog(Protocol):
    """Versions count from 1. Times in unix seconds."""

    def newest(self) -> int:
        """The version of the last delta, or of a base that was learnt without it; 0 before there is one."""

    def deltas(self, since: int, until: int, most: int) -> Sequence[bytes]:
        """The deltas after version ``since`` up to ``until``, encoded, in order; none, where the one that follows is no
        longer kept."""

    def drop(self, until: int, most: int) -> None:
        """Remove the oldest deltas up to version ``until``."""

    def add(self, delta: Signed[PolicyDelta]) -> bool:
        """Whether its version was the next. What it lists is pending no more, unless it is for another reason by now,
        what it removes is gone, and the evidence that was shown since the last one is kept with it."""

    def relearn(self, delta: Signed[PolicyDelta], since: int, leaves: int) -> bool:
        """Whether its version was the next. What it lists counts ``since`` then and by its id alone, until `name` tells
        whose it is; what it removes is gone."""

    def begin(self, base: Baseline, since: int, leaves: int) -> bool:
        """Whether its version is later than the newest. It stands for all deltas from now on; what it lists and was not
        known counts as in `relearn`, and what was listed and is not in it is gone."""

    def head(self) -> Signed[PolicyHead] | None: ...

    def keep_head(self, head: Signed[PolicyHead]) -> Signed[PolicyHead]:
        """The head that stands: this one, unless there is one of a later version, or as late of the same."""

    def base(self) -> tuple[int, bytes] | None:
        """The version of the newest base, and it as it travels."""

    def keep_base(self, base: Baseline) -> bool:
        """Whether it is newer than the one that there was."""

    def revoke(self, revocation: Revocation) -> bool:
        """Whether it is news: it is pending now."""

    def name(self, revocation: Revocation) -> None:
        """Whose the revocation of this id is, where that was not known."""

    def reason(self, revoked: bytes) -> Reason | None:
        """Why this is revoked."""

    def show(self, evidence: Evidence) -> None:
        """Evidence that is kept with the next delta."""

    def pending(self, most: int) -> Sequence[Revoked]:
        """Conflicts first."""

    def count_pending(self) -> int: ...

    def revoked(self, most: int) -> Sequence[Revoked]:
        """All, in order of id."""

    def revoked_since(self, key: bytes, ids: Collection[bytes]) -> int | None:
        """Since when the key is revoked, whichever of its ids it was by; ``ids``: by which alone one is known that was
        relearnt."""

    def leaving(self, now: int, most: int) -> Sequence[bytes]:
        """The ids of those that leave before ``now``."""
