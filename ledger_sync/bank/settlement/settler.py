"""The settler: valid transfers are committed at the notary, and what it says becomes verdicts.

Rule: a transfer is on disk before it is committed, so that the bank can show it when challenged. A verdict is worked
out and signed outside any transaction, and written on one condition: that there is none yet. So it never changes,
whoever else is at it. What else may be answered by it is noted in the same transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.relays import Relays
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import NotaryClient
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.settlements import Answer
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.settlement.drafts import Draft, Drafts
from ledger_sync.bank.wallets.fork_watch import ForkWatch
from ledger_sync.http.peers import read
from ledger_sync.settling.values import Loss, Outcome
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import (
    CENTRAL_BANK,
    Commit,
    Consumption,
    Settlement,
    check_consumption,
)
from wallet.protocol.transfer import TokenRef, Transfer

_PATIENCE: Final = 5.0
"""Seconds to wait for who asks the notary now."""
_CLAIMED: Final = 60
"""Seconds for which nobody else commits what is being committed."""
BATCH: Final = 64
"""Commits in one call to the notary, and verdicts in one transaction."""


class Answered(Protocol):
    """Who must hear of a verdict, within the same transaction."""

    def answered(self, transfer: Signed[Transfer], signer: bytes, outcome: Outcome) -> None: ...


class Settler:
    """Turns valid transfers into verdicts. Several may be at work on one store, in one process or many.

    In this process one call to the notary is made at a time, so that what queues meanwhile is one batch; nothing else
    depends on that.
    """

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        work: JobQueue,
        notary: NotaryClient,
        relays: Relays,
        watch: ForkWatch,
        listener: Answered,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._settlements = context.storage.settlements
        self._conflicts = context.storage.conflicts
        self._drafts = Drafts(objects, watch, self._conflicts)
        self._objects = objects
        self._work = work
        self._notary = notary
        self._relays = relays
        self._watch = watch
        self._listener = listener
        self._queue = threading.Lock()

    def settle(self) -> None:
        """Commit everything valid, ancestors first, and answer what can be answered.

        Raises ``Refusal``: UNREACHABLE and what else the notary says; what is left is tried again, as is all of it
        while the notary holds up who came before.
        """
        self.answer()
        if not self._queue.acquire(timeout=_PATIENCE):
            return
        try:
            while batch := self._claim():
                self._commit(batch)
        finally:
            self._queue.release()
        self.answer()

    def answer(self) -> None:
        """Answer what is noted, as far as everything needed is known. Outside any transaction. CLOCK_UNSURE."""
        while cases := self._settlements.noted(BATCH):
            drafts = self._drafts.of(cases, {})
            signed = self._signed(drafts)
            with self._unit.transaction():
                self._write(drafts, signed)

    # committing

    def _claim(self) -> Sequence[Signed[Transfer]]:
        now = (self._context.wall or self._context.clock)()
        return self._settlements.claim(BATCH, now, now + _CLAIMED)

    def _commit(self, batch: Sequence[Signed[Transfer]]) -> None:
        txids = [transfer.id for transfer in batch]
        try:
            self._settle(batch, txids)
        except BaseException:
            self._settlements.release(txids)
            raise
        hsm.failpoint.reach("bank.settle.answered")

    def _settle(self, batch: Sequence[Signed[Transfer]], txids: Sequence[bytes]) -> None:
        statements = self._asked(batch)
        hsm.failpoint.reach("bank.settle.committed")
        said = {ref: word.body.consumer for word in statements for ref in word.body.refs}
        drafts = self._drafts.of(self._settlements.cases(txids), said)
        signed = self._signed(drafts)
        with self._unit.transaction():
            fresh = self._settlements.note(statements, are_ours=True)
            self._settlements.committed([draft.txid for draft in drafts if draft.outcome is None])
            self._write(drafts, signed)
            self._settlements.look_at([draft.txid for draft in drafts if draft.outcome is None])
            self._relays.committed([(draft.case.transfer, draft.case.owner) for draft in drafts])
            self.end(self._settlements.waiting_for(fresh))

    def _asked(self, batch: Sequence[Signed[Transfer]]) -> Sequence[Signed[Consumption]]:
        """The notary's words on all that these consume, checked."""
        context = self._context
        now = context.clock()
        commits = [context.sign(Commit(context.bank, item.id, item.body.inputs, now)) for item in batch]
        hsm.failpoint.reach("bank.settle.commit")
        return read(self._notary.commit(commits), lambda said: self._believed(batch, said))

    def _believed(
        self, batch: Sequence[Signed[Transfer]], answers: Sequence[Sequence[Signed[Consumption]]]
    ) -> Sequence[Signed[Consumption]]:
        found: dict[bytes, Signed[Consumption]] = {}
        for transfer, statements in zip(batch, answers, strict=True):
            self._check(transfer, statements)
            found.update((statement.id, statement) for statement in statements)
        return list(found.values())

    def _check(self, transfer: Signed[Transfer], statements: Sequence[Signed[Consumption]]) -> None:
        """NOTARY_SIGNATURE, COMMIT_MISMATCH (a reference is not covered, or covered twice)."""
        winners: dict[TokenRef, bytes] = {}
        for statement in statements:
            check_consumption(statement, self._context.trust.directory)
            for ref in statement.body.refs:
                require(
                    winners.setdefault(ref, statement.id) == statement.id,
                    Code.COMMIT_MISMATCH,
                    token=str(ref),
                )
        require(set(transfer.body.inputs) <= set(winners), Code.COMMIT_MISMATCH, transfer=transfer.id.hex())

    # verdicts

    def _signed(self, drafts: Iterable[Draft]) -> list[Answer]:
        return [
            Answer(self._settlement(draft.txid, draft.outcome), draft.named)
            for draft in drafts
            if draft.outcome is not None
        ]

    def _settlement(self, txid: bytes, outcome: Outcome) -> Signed[Settlement]:
        context = self._context
        return context.sign(
            Settlement(
                bank=context.bank,
                transfer=txid,
                verdict=outcome.verdict,
                values=outcome.values,
                code=outcome.code,
                time=context.clock(),
            )
        )

    def _write(self, drafts: Sequence[Draft], answers: Sequence[Answer]) -> None:
        """Verdicts, where there are none yet, and all that follows; within the transaction."""
        standing, stale = self._standing(drafts)
        for draft in standing:
            if draft.evidence is not None:
                self._watch.keep(draft.evidence)
        names = frozenset(draft.txid for draft in standing)
        taken = frozenset(
            self._settlements.answer([one for one in answers if one.settlement.body.transfer in names])
        )
        self._settlements.looked_at([draft.case for draft in standing if draft.outcome is None])
        self._settlements.committed(stale)
        self._settlements.look_at(stale)
        told = [draft for draft in standing if draft.outcome is None or draft.txid in taken]
        answered = [draft.case.transfer for draft in told if draft.is_good]
        refs = [item.body.purpose for item in answered if isinstance(item.body.purpose, bytes)]
        self._objects.requests.answered(refs)
        self._watch.expect(answered, {draft.case.owner for draft in told})
        for draft in told:
            self._ask_for(draft)
            self._tell(draft, draft.outcome)

    def _standing(self, drafts: Sequence[Draft]) -> tuple[list[Draft], list[bytes]]:
        """The drafts of what has no verdict yet; but the ids of those that rest on another draft here, where somebody
        else has answered that transfer meanwhile: what they inherit may be another thing now, so they are worked out
        anew."""
        changed = set(self._settlements.answered([draft.txid for draft in drafts]))
        standing: list[Draft] = []
        stale: list[bytes] = []
        for draft in drafts:
            if draft.txid in changed:
                continue
            if draft.rests_on(changed):
                changed.add(draft.txid)
                stale.append(draft.txid)
            else:
                standing.append(draft)
        return standing, stale

    def _tell(self, draft: Draft, outcome: Outcome | None) -> None:
        """Other banks' wallets are named to the central bank as well, whatever their bank does."""
        signer = draft.case.signer
        for evidence in draft.foreign:
            self._work.add(Job(JobKind.REVOKE, "", self._watch.keep(evidence)))
        if outcome is not None and signer is not None and draft.is_good:
            self._watch.check_limits(draft.case.transfer, signer.body)
            self._listener.answered(draft.case.transfer, signer.body.key, outcome)

    # what becomes possible: within the caller's transaction

    def end(self, txids: Iterable[bytes]) -> None:
        """What of these waits and is worth nothing whatever may still come, for others have all that it consumes, is to
        be answered. It counts as decided by the notary then, and is not committed."""
        ended = [txid for txid in dict.fromkeys(txids) if self._is_hopeless(txid)]
        for txid in ended:
            self._objects.transfers.set_stage(txid, Stage.COMMITTED)
        self._settlements.look_at(ended)

    def _is_hopeless(self, txid: bytes) -> bool:
        transfer = self._objects.transfers.transfer(txid)
        if transfer is None or self._objects.transfers.stage(txid) is not Stage.WAITING:
            return False
        return all(self._is_lost(ref, txid) for ref in transfer.body.inputs)

    def _is_lost(self, ref: TokenRef, txid: bytes) -> bool:
        statement = self._objects.statements.on(ref)
        return self._objects.tokens.worth(ref) == 0 if statement is None else statement.body.consumer != txid

    def payloads_came(self, txids: Collection[bytes]) -> None:
        """Conflicts may have waited for the payloads of these, which somebody signed."""
        for wanted, waiting in self._conflicts.lacking_each(txids).items():
            self._payload_came(wanted, waiting)

    def _payload_came(self, wanted: bytes, waiting: Sequence[bytes]) -> None:
        transfers = self._objects.transfers
        complete = [txid for txid in waiting if transfers.has_copy(wanted, transfers.owner(txid) or b"")]
        for txid in complete:
            self._conflicts.lacks_no_more(txid, [wanted])
        self._settlements.look_at(complete)

    def certificate_came(self, key: bytes) -> None:
        """What has ended without a certificate of its signer may have waited for this one."""
        self._settlements.look_at(self._objects.pending.waiting_of(key))

    def refused(self, txid: bytes, code: Code) -> None:
        """Invalid for ever: it is decided so, and never committed."""
        if self._objects.transfers.transfer(txid) is not None:
            self._objects.transfers.set_stage(txid, Stage.COMMITTED)
            self._settlements.refuse(txid, code)

    def was_not_shown(self, txid: bytes, wanted: bytes) -> None:
        """A bank could not show ``wanted``, and owes for it: then nobody is ever named, and nobody waits."""
        self._conflicts.was_not_shown(txid, wanted)
        self._settlements.look_at([txid])

    # the other payloads

    def wanted_by(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        """The transfers whose payloads conflicts of these wait for."""
        return self._conflicts.wanted_by(txids)

    def _ask_for(self, draft: Draft) -> None:
        """What came since the draft was made is looked at again."""
        self._conflicts.lacks_no_more(draft.txid, draft.found)
        not_shown = self._conflicts.not_shown(draft.txid) if draft.wanted else ()
        for loss in draft.wanted:
            if loss.consumer not in not_shown:
                self._conflicts.lacks(draft.txid, loss.consumer)
                self._open_questions(draft.txid, loss)
                if self._objects.transfers.has_copy(loss.consumer, draft.case.owner):
                    self._settlements.look_at([draft.txid])

    def _open_questions(self, txid: bytes, loss: Loss) -> None:
        statement = self._objects.statements.on(loss.token)
        if statement is not None and statement.body.bank != CENTRAL_BANK:
            for item in self._askable(statement.body.bank, txid, loss.consumer):
                if not self._work.is_open(item):
                    self._work.again(item)

    def _askable(self, bank: str, txid: bytes, consumer: bytes) -> list[Job]:
        """Who may show it: the bank that committed it; where that is this one, whose store no longer has it, everybody
        to whom it may have passed it on."""
        banks = [entry.id for entry in self._context.trust.directory.banks if entry.id != bank]
        asked = [bank] if bank != self._context.bank else banks
        return [Job(JobKind.FETCH, name, consumer) for name in asked] or [
            Job(JobKind.CHALLENGE, "", txid + consumer)
        ]
