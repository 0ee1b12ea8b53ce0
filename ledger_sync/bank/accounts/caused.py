"""What this bank caused at the central bank and has booked, numbered as it was booked: so that a central bank that was
put back from a backup can be told, and asked again.

Rule: what the central bank signed (issuances) is shown to it as it signed it; what it only did (money on a position) is
asked for again, under the same id, and proved anew. What this bank paid for a claim it owns up to, so that whoever was
paid is paid again, though this bank could show by now what it could not then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.caused import CHALLENGE, FUNDING, REDEMPTION, REFUND, Noted
from ledger_sync.bank.ports.jobs import Job, JobKind
from wallet.protocol import codec

KINDS: Final = (FUNDING, REDEMPTION, REFUND, CHALLENGE)
_WORK: Final = {REDEMPTION: JobKind.REDEEM, REFUND: JobKind.REFUND}


def note(context: BankContext, kind: str, cause: bytes, subject: bytes | None = None) -> None:
    """Within the transaction that books it. ``subject``: of the work by which it is asked for again."""
    context.storage.caused.note(kind, cause, subject, context.clock())


class Caused:
    """The list, and opening it again."""

    def __init__(self, context: BankContext, work: JobQueue) -> None:
        self._storage = context.storage
        self._work = work

    def since(self, since: int, after: int, *, with_lost: bool) -> Sequence[Noted]:
        """A page of what was booked at ``since`` (unix seconds) or later, after number ``after``; ``with_lost`` also
        for which claims this bank has paid."""
        return self._storage.caused.since(since, after, with_lost=with_lost)

    def ask_again(self, causes: Iterable[tuple[str, bytes]], policy: int) -> None:
        """The central bank has forgotten these, and what it listed in its policy after version ``policy``."""
        with self._storage.unit.transaction():
            for kind, cause in causes:
                for item in self._items(kind, cause):
                    if self._work.is_known(item):
                        self._work.again(item)
            for case in self._storage.revocations.forgotten(policy):
                self._work.again(Job(JobKind.REVOKE, "", case.name))

    def _items(self, kind: str, cause: bytes) -> list[Job]:
        if kind in _WORK:
            noted = self._storage.caused.get(kind, cause)
            return [] if noted is None or noted.subject is None else [Job(_WORK[kind], "", noted.subject)]
        shares = self._storage.compensations.of(cause)
        challenged = [Job(JobKind.CHALLENGE, "", cause + share.wanted) for share in shares]
        refunded = [Job(JobKind.REFUND, "", codec.encode([share.wanted, share.place])) for share in shares]
        return challenged + refunded
