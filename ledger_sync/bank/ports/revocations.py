"""Revocations of this bank's wallet ids, and the evidence for them.

Rule: a wallet id is revoked once for each reason, whoever finds it out at the same time. It is listed when the policy
of a version has it, and is to be listed again where that version is forgotten.
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


@dataclass(frozen=True, slots=True)
class Case:
    """What has wallet ids revoked together: evidence, by its name here (32 bytes), or an account that has none."""

    evidence: bytes | None = None
    account: str = ""

    @property
    def name(self) -> bytes:
        """By which it is listed."""
        return self.evidence or self.account.encode()


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

    # listing

    def unlisted(self, case: Case, issued: int, most: int) -> Sequence[Revocation]:
        """What is to be listed of a case, and was certified at ``issued`` or before: at most so many."""

    def count_unlisted(self, case: Case) -> int:
        """How many are to be listed of a case."""

    def listed(self, revocations: Sequence[Revocation], version: int) -> int:
        """The policy of this version has those that were to be listed; how many still were."""

    def forgotten(self, after: int) -> Sequence[Case]:
        """What versions after ``after`` had is to be listed again: the cases of it."""

    # evidence

    def evidence(self, name: bytes) -> Evidence | None: ...

    def keep(self, evidence: Evidence) -> bytes:
        """Keep evidence, once; its name here (`name_of`)."""
