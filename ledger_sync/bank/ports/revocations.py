"""Revocations of this bank's wallet ids, and the evidence for them.

Rule: a wallet id is revoked once for each reason, whoever finds it out at the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason


def name_of(evidence: Evidence) -> bytes:
    """The name of evidence in a store, 32 bytes."""
    return hashlib.sha256(evidence.encode()).digest()


@dataclass(frozen=True, slots=True)
class Revocation:
    """``version``: of the policy that lists it; None while that is to come."""

    wallet: bytes
    reason: Reason
    version: int | None


class Revocations(Protocol):
    """The revocations of one bank. Times in unix seconds."""

    def add(self, wallet: bytes, account: str, reason: Reason, evidence: bytes | None, time: int) -> bool:
        """Whether the wallet id was not revoked for this reason yet. ``evidence``: its name here."""

    def reasons(self, wallet: bytes) -> frozenset[Reason]:
        """What a wallet id is revoked for."""

    def of_account(self, account: str) -> Sequence[Revocation]:
        """The revocations of an account's wallet ids."""

    def count_losses(self, account: str, since: int) -> int:
        """How many losses, by their times, the account has had wallet ids revoked for after ``since``."""

    def keep(self, evidence: Evidence) -> bytes:
        """Store evidence, once; its name."""

    def forgotten(self, version: int) -> Sequence[bytes]:
        """What a policy after ``version`` listed, nobody lists any more. The subjects of the jobs by which they are
        listed: the evidence's name, or the account's id where there is none."""
