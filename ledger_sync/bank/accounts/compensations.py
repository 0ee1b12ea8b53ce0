"""Compensations: what another bank pays, because it had a token consumed and could not show by which transfer.

Rule: what the central bank says was paid by now is booked once, by claim and share; what is still owed stays open and
is asked for again, and no verdict waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger_sync.bank.accounts.caused import note
from ledger_sync.bank.accounts.unclaimed import Unclaimed
from ledger_sync.bank.books import POSITION
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.caused import CHALLENGE
from ledger_sync.bank.ports.compensations import Share
from ledger_sync.bank.ports.jobs import Job, JobKind
from wallet.protocol import codec, idempotency
from wallet.protocol.bounds import ID_BYTES


class Compensations:
    """Books them, and asks for what is owed. Works within the caller's transaction."""

    def __init__(self, context: BankContext, work: JobQueue) -> None:
        self._context = context
        self._compensations = context.storage.compensations
        self._books = context.books
        self._unclaimed = Unclaimed(context)
        self._work = work

    def book(self, share: Share, account: str, paid: int, owed: int, source: str = POSITION) -> None:
        """Note that ``paid`` tiyn in all have come for a share by now, and that ``owed`` are to come; from ``source``,
        which is the bank's own account where it is the one that could not show."""
        more = self._compensations.note(share, account, paid, owed)
        entry = idempotency.compensation(share.claim, share.wanted, share.place, paid)
        if source == POSITION:
            if paid:
                note(self._context, CHALLENGE, share.claim)
            self._unclaimed.give(CHALLENGE, share.claim, entry, account, more)
        else:
            self._books.move(entry, source, account, more)

    def is_known(self, claim: bytes) -> bool:
        """Whether this bank has ever booked something for ``claim``, or is owed it."""
        return bool(self._compensations.of(claim))

    def moved(self, claim: bytes) -> None:
        """The central bank has paid something for ``claim``: it is asked what."""
        self._ask_for(self._compensations.owed(claim))

    def ask(self) -> None:
        """Ask for what is owed: the step of a background worker."""
        with self._context.storage.unit.transaction():
            self._ask_for(self._compensations.owed())

    def _ask_for(self, shares: Iterable[Share]) -> None:
        """A transfer's claim is asked about as its challenge, a refund's as its refund."""
        for share in shares:
            for item in (
                Job(JobKind.CHALLENGE, "", share.claim + share.wanted),
                Job(JobKind.REFUND, "", codec.encode([share.wanted, share.place])),
            ):
                if self._work.is_known(item):
                    self._work.again(item)

    def in_flight(self) -> Sequence[tuple[bytes, int]]:
        """Transfers for which a bank pays or may have to, with the most that is to come: the central bank may have
        booked it already, and this bank has not. Refunds list their own."""
        challenged = {subject[:ID_BYTES] for subject in self._work.open_subjects(JobKind.CHALLENGE, "")}
        return list(self._compensations.most(challenged).items())
