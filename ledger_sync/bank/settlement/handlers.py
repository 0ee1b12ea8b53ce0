"""Handlers of jobs: how transfers, issuances and revocations are passed on to other banks and to the central bank.

Rule: what is passed on is taken from the archive at the moment of passing, with all that the other side needs to judge
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.provenance import Gathered, Provenance
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import BankClients, CentralBankClient
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.jobs import Job
from ledger_sync.bank.ports.revocations import Case, Revocation
from ledger_sync.bank.wallets.wallets import Wallets
from wallet.protocol.bounds import ID_BYTES, MAX_AHEAD
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason

RELAYED_AT_ONCE: Final = 32
"""Transfers passed on in one relay, with their provenance."""
_MAX_LISTED: Final = 32
"""Wallet ids in one call to revoke."""


class RelayHandler:
    """Passes transfers and issuances on to other banks."""

    def __init__(self, objects: Archive, provenance: Provenance, banks: BankClients) -> None:
        self._objects = objects
        self._provenance = provenance
        self._banks = banks

    def whole(self, items: Sequence[Job]) -> int:
        """The first of some transfers for one bank, and of the next ones as many as one bundle carries."""
        gathered = Gathered()
        taken: list[bytes] = []
        for item in items[:RELAYED_AT_ONCE]:
            more = self._provenance.gather(
                [item.subject], Gathered(dict(gathered.transfers), dict(gathered.issuances))
            )
            if taken and not more.fits():
                break
            gathered = more
            taken.append(item.subject)
        self._banks.relay(items[0].target, self._provenance.bundle(gathered, taken))
        hsm.failpoint.reach("bank.relay.sent")
        return len(taken)

    def payload(self, item: Job) -> None:
        """A signed payload for its signer's bank."""
        txid, signer = item.subject[:ID_BYTES], item.subject[ID_BYTES:]
        copy = self._objects.transfers.copy(txid, signer)
        certificate = None if copy is None else self._objects.certificates.covering(signer, copy.body.time)
        if copy is not None and certificate is not None:
            self._banks.relay(item.target, Bundle((copy,), (), (certificate,), ()))

    def money(self, item: Job) -> None:
        """A redemption's new tokens for their owner's bank."""
        issuance = self._objects.issuances.get(item.subject)
        if issuance is not None:
            self._banks.relay(item.target, Bundle((), (issuance,), (), ()))


class RevocationHandler:
    """Has wallet ids revoked at the central bank."""

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        wallets: Wallets,
        work: JobQueue,
        central_bank: CentralBankClient,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._register = context.storage.wallets
        self._revocations = context.storage.revocations
        self._objects = objects
        self._wallets = wallets
        self._work = work
        self._central_bank = central_bank

    def revoke(self, item: Job) -> None:
        """Everything open for one piece of evidence, or for one customer without evidence."""
        evidence = self._revocations.evidence(item.subject)
        if evidence is not None and evidence.certificate.body.bank != self._context.bank:
            self._central_bank.revoke((), evidence)
            return
        case = (
            Case(account=item.subject.decode("utf-8", "replace")) if evidence is None else Case(item.subject)
        )
        while revocations := self._next(item, case):
            listed = [*self._certified(revocations)]
            if evidence is not None:
                named = evidence.certificate
                listed = [(named, Reason.CONFLICT), *(one for one in listed if one[0].id != named.id)]
            shown = [(self._wallets.possession_under(one), reason) for one, reason in listed]
            version = self._central_bank.revoke(shown, evidence)
            hsm.failpoint.reach("bank.revoke.answered")
            self._revocations.listed(revocations, version)

    def _next(self, item: Job, case: Case) -> Sequence[Revocation]:
        """What is open, one less than may be listed: the one that evidence names is always with them. If nothing is,
        the work is done. In one transaction: what is revoked meanwhile opens the work again afterwards. TIME_AHEAD if
        all that is left is dated so far ahead that the central bank lists it later: that keeps nothing else waiting."""
        with self._unit.transaction():
            revocations = self._revocations.unlisted(case, self._context.clock() + MAX_AHEAD, _MAX_LISTED - 1)
            if not revocations:
                left = self._revocations.count_unlisted(case)
                require(not left, Code.TIME_AHEAD, count=left)
                self._work.done(item)
            return revocations

    def _certified(self, revocations: Sequence[Revocation]) -> Iterator[tuple[Signed[Certificate], Reason]]:
        for one in revocations:
            certified = self._register.get(one.wallet)
            if certified is not None:
                certificate = self._objects.certificates.get(certified.certificate)
                if certificate is not None:
                    yield certificate, one.reason
