"""The settler: valid transfers are committed at the notary, and what it says becomes verdicts.

Rule: a transfer is on disk before it is committed, so that the bank can show it when challenged. Verdicts are worked
out and signed outside any transaction, all of one by one signature, and each is written on one condition: that there is
none yet. So it never changes, whoever else is at it. What else may be answered by it is noted in the same transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, Protocol

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.relays import Relays
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.settlements import Answer
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.settlement.commits import MAX_COMMITS, Commits, Silent, how_many
from ledger_sync.bank.settlement.drafts import Draft, Drafts
from ledger_sync.bank.settlement.verdicts import Uploads, Verdicts
from ledger_sync.bank.wallets.fork_watch import ForkWatch
from ledger_sync.bank.wallets.limit_watch import LimitWatch, Settled
from ledger_sync.settling.values import Loss, Outcome
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import CENTRAL_BANK, Consumption
from wallet.protocol.transfer import TokenRef, Transfer

_PATIENCE: Final = 5.0
"""Seconds to wait for who asks the notary now."""
_CLAIMED: Final = 60
"""Seconds for which nobody else commits what is being committed."""
BATCH: Final = MAX_COMMITS
"""Commits in one call to the notary, and verdicts in one transaction."""


_ANSWERED_IN_A_CALL: Final = 2
"""Transactions in which one customer's call answers what is noted, before it settles and after."""


class Answered(Protocol):
    """Who must hear of a verdict, within the same transaction."""

    def answered(self, transfers: Sequence[tuple[Signed[Transfer], bytes, Outcome]]) -> None:
        """Valid transfers with their signers."""


class Settler:
    """Turns valid transfers into verdicts. Several may be at work on one store, in one process or many.

    In this process one call to the notary is made at a time, so that what queues meanwhile is one batch; nothing else
    depends on that. A customer's call settles what is its own, and has committed what others wait for beside it; all
    the rest is a worker's.
    """

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        work: JobQueue,
        commits: Commits,
        relays: Relays,
        watch: ForkWatch,
        limits: LimitWatch,
        listener: Answered,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._settlements = context.storage.settlements
        self._conflicts = context.storage.conflicts
        self._recipients = context.storage.recipients
        self._drafts = Drafts(objects, watch, self._conflicts)
        self._verdicts = Verdicts(context)
        self._objects = objects
        self._work = work
        self._commits = commits
        self._relays = relays
        self._watch = watch
        self._limits = limits
        self._listener = listener
        self._queue = threading.Lock()
        self._wanted: dict[bytes, object] = {}
        self._wanting = threading.Lock()

    def settle(self) -> None:
        """Commit everything valid, ancestors first, and answer what can be answered: the step of a worker.

        Raises ``Refusal``: UNREACHABLE and what else the notary says; what is left is tried again, as is all of it
        while the notary holds up who came before.
        """
        self.answer()
        refusal = self._commit_all(lambda: None)
        self.answer()
        if refusal is not None:
            raise refusal

    def settle_now(self, brought: Collection[bytes], completed: Collection[bytes] = ()) -> None:
        """Commit what is valid of what one upload ``brought`` and of what that ``completed``, with what others who wait
        beside the caller want committed, and answer. Raises as `settle`; what is left is the worker's."""
        with self._wanting:
            self._wanted |= dict(zip(completed, completed, strict=True)) | dict.fromkeys(brought, object())
        own = {*brought, *completed}
        self._answer_some(own)
        refusal = self._commit_all(self._take_wanted)
        self._answer_some(own)
        if refusal is not None:
            raise refusal

    @property
    def queued(self) -> int:
        """How many transfers calls wait to have committed."""
        return len(self._wanted)

    def _commit_all(self, among: Callable[[], Uploads | None]) -> Refusal | None:
        """Commit all of these but what a notary that does not answer decides a part of, which is left for later; what
        that one said. Raises what is said where none answers."""
        if not self._queue.acquire(timeout=_PATIENCE):
            return None
        silent: Silent = {}
        left: list[bytes] = []
        try:
            these = among()
            while batch := self._claim(these):
                left += self._commit(batch, these or {}, silent)
        finally:
            if left:
                self._settlements.release(left)
            self._queue.release()
        return next(iter(silent.values()), None)

    def _take_wanted(self) -> Uploads:
        with self._wanting:
            wanted, self._wanted = self._wanted, {}
        return wanted

    def answer(self) -> None:
        """Answer all that is noted, as far as everything needed is known. Outside any transaction. CLOCK_UNSURE."""
        while self._answer():
            pass

    def _answer_some(self, txids: Collection[bytes]) -> None:
        """As `answer`, of these and what descends from them, and no more than what one commit may have left; whatever
        else is noted stays so for a worker."""
        own = set(txids)
        for _ in range(_ANSWERED_IN_A_CALL):
            answered = self._answer(own)
            if not answered:
                return
            own.update(answered)

    def _answer(self, among: Collection[bytes] | None = None) -> Sequence[bytes]:
        """As `answer`, in one transaction; what was looked at."""
        cases = self._settlements.noted(BATCH, among)
        if cases:
            drafts = self._drafts.of(cases, {})
            signed = self._verdicts.signed(drafts, {})
            with self._unit.transaction():
                self._write(drafts, signed)
        return [case.transfer.id for case in cases]

    # committing

    def _claim(self, among: Collection[bytes] | None) -> Sequence[Signed[Transfer]]:
        now = (self._context.wall or self._context.clock)()
        claimed = self._settlements.claim(BATCH, now, now + _CLAIMED, among)
        count = how_many([len(transfer.body.inputs) for transfer in claimed])
        if count < len(claimed):
            self._settlements.release([transfer.id for transfer in claimed[count:]])
        return claimed[:count]

    def _commit(self, batch: Sequence[Signed[Transfer]], uploads: Uploads, silent: Silent) -> Sequence[bytes]:
        """The ids of those that stay claimed, as not all of their inputs are decided."""
        decided: set[bytes] = set()
        try:
            for said in self._commits.ask(batch, silent):
                words = {word.id: word for words in said.values() for word in words}
                self._settle(list(said), words, uploads)
                self._context.metrics.batch("settled", len(said))
                decided.update(said)
        except BaseException:
            self._settlements.release([transfer.id for transfer in batch])
            raise
        hsm.failpoint.reach("bank.settle.answered")
        return [transfer.id for transfer in batch if transfer.id not in decided]

    def _settle(
        self, txids: Sequence[bytes], words: Mapping[bytes, Signed[Consumption]], uploads: Uploads
    ) -> None:
        statements = list(words.values())
        hsm.failpoint.reach("bank.settle.committed")
        said = {ref: word.body.consumer for word in statements for ref in word.body.refs}
        drafts = self._drafts.of(self._settlements.cases(txids), said)
        signed = self._verdicts.signed(drafts, uploads)
        with self._unit.transaction():
            fresh = self._settlements.note(statements, are_ours=True)
            self._settlements.committed([draft.txid for draft in drafts if draft.outcome is None])
            self._write(drafts, signed)
            self._settlements.look_at([draft.txid for draft in drafts if draft.outcome is None])
            self._relays.committed([(draft.case.transfer, draft.case.owner) for draft in drafts])
            self.end(self._settlements.waiting_for(fresh))

    # verdicts

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
        for draft in told:
            self._ask_for(draft)
            for evidence in draft.foreign:
                # Other banks' wallets are named to the central bank as well, whatever their bank does.
                self._work.add(Job(JobKind.REVOKE, "", self._watch.keep(evidence)))
        for good in _together([draft for draft in told if draft.is_good]):
            self._tell(good)

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

    def _tell(self, good: Sequence[Draft]) -> None:
        ends = [
            (draft.case.transfer, draft.case.signer.body, draft.outcome)
            for draft in good
            if draft.case.signer is not None and draft.outcome is not None
        ]
        self._limits.check([Settled(transfer, certificate) for transfer, certificate, _ in ends])
        self._listener.answered(
            [(transfer, certificate.key, outcome) for transfer, certificate, outcome in ends]
        )

    def hear(self, statements: Sequence[Signed[Consumption]]) -> None:
        """What the notary said on commits of this bank, which may have forgotten them."""
        self._context.seen(statements)
        with self._unit.transaction():
            self.end(self._settlements.waiting_for(self._settlements.note(statements, are_ours=True)))

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

    def certificate_came(self, signed: Signed[Certificate]) -> None:
        """What has ended without any certificate of its signer may have waited for this one, the first by its bank."""
        if self._recipients.is_first(signed):
            self._settlements.look_at(self._objects.pending.ended_of(signed.body.key))

    def refused(self, txid: bytes, code: Code) -> None:
        """Invalid for ever: it is decided so, and never committed."""
        if self._objects.transfers.transfer(txid) is not None:
            self._objects.transfers.set_stage(txid, Stage.COMMITTED)
            self._settlements.refuse(txid, code)

    def was_not_shown(self, txid: bytes, wanted: bytes) -> None:
        """A bank could not show ``wanted``, and owes for it: then nobody is ever named, and nobody waits."""
        self._conflicts.was_not_shown(txid, wanted)
        self._settlements.look_at([txid])

    def was_shown(self, txid: bytes, wanted: bytes) -> None:
        """``wanted`` is at hand, and the central bank has noted it: nobody can be told anything else any more."""
        self._conflicts.was_shown(txid, wanted)
        self._settlements.look_at([txid])

    # the other payloads

    def wanted_by(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        """The transfers whose payloads conflicts of these wait for."""
        return self._conflicts.wanted_by(txids)

    def _ask_for(self, draft: Draft) -> None:
        """What came since the draft was made is looked at again."""
        self._conflicts.lacks_no_more(draft.txid, draft.found)
        for loss in draft.unnoted:
            self._conflicts.lacks(draft.txid, loss.consumer)
            self._open(Job(JobKind.CHALLENGE, "", draft.txid + loss.consumer))
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
                self._open(item)

    def _open(self, item: Job) -> None:
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


def _together(good: Iterable[Draft]) -> Iterator[Sequence[Draft]]:
    """Payments in a row together; each redemption alone, since the limits of a later one count an earlier one."""
    for is_payment, some in groupby(good, lambda draft: draft.case.transfer.body.redemption is None):
        drafts = list(some)
        yield from [drafts] if is_payment else [[draft] for draft in drafts]
