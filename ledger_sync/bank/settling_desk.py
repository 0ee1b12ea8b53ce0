"""The settling desk: valid transfers are committed at the notary, and what it says becomes verdicts.

Rule: a transfer is on disk before it is committed, so that the bank can show it when challenged. A verdict is
signed once and never changes. Where another transfer took an input, nothing is said before its payload is in hand
too; where a descendant waits, so do its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import hsm.failpoint
from ledger_sync.bank.fork_watch import ForkWatch
from ledger_sync.bank.house import House
from ledger_sync.bank.lines import NotaryLine
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.relays import Relays
from ledger_sync.bank.transfers import Stage
from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.http.peers import read
from ledger_sync.settling.values import Outcome, settle
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import (
    CENTRAL_BANK,
    Commit,
    Consumption,
    Settlement,
    Verdict,
    check_consumption,
)
from wallet.protocol.transfer import TokenRef, Transfer

_PATIENCE: Final = 5.0
"""Seconds to wait for who asks the notary now."""
BATCH: Final = 64
"""Commits in one call to the notary."""


class Answered(Protocol):
    """Who must hear of a verdict, within the same transaction."""

    def answered(self, transfer: Signed[Transfer], signer: bytes, outcome: Outcome) -> None: ...


class SettlingDesk:
    """Turns valid transfers into verdicts. One call to the notary at a time; what queues meanwhile is one batch."""

    def __init__(
        self,
        house: House,
        objects: Objects,
        work: WorkList,
        notary: NotaryLine,
        relays: Relays,
        watch: ForkWatch,
        listener: Answered,
    ) -> None:
        self._house = house
        self._store = house.store
        self._objects = objects
        self._work = work
        self._notary = notary
        self._relays = relays
        self._watch = watch
        self._listener = listener
        self._one_at_a_time = threading.Lock()

    def settle(self) -> None:
        """Commit everything valid, ancestors first, and answer what can be answered.

        Raises ``Refusal``: UNREACHABLE and what else the notary says; what is left is tried again, as is all of it
        while the notary holds up who came before.
        """
        if not self._one_at_a_time.acquire(timeout=_PATIENCE):
            return
        try:
            while batch := self._next_batch():
                self._commit(batch)
        finally:
            self._one_at_a_time.release()

    def lacking(self, txid: bytes) -> list[bytes]:
        """The transfers whose payloads a conflict of this one waits for."""
        return [row[0] for row in self._store.rows("select wanted from lacks where transfer = ?", (txid,))]

    def _next_batch(self) -> list[Signed[Transfer]]:
        return self._objects.transfers.valid(BATCH)

    def _commit(self, batch: Sequence[Signed[Transfer]]) -> None:
        house = self._house
        now = house.clock()
        commits = [house.sign(Commit(house.bank, item.id, item.body.inputs, now)) for item in batch]
        hsm.failpoint.reach("bank.settle.commit")
        answers = read(self._notary.commit(commits), lambda said: self._believed(batch, said))
        hsm.failpoint.reach("bank.settle.committed")
        with self._store.transaction():
            fresh: list[TokenRef] = []
            for transfer, statements in zip(batch, answers, strict=True):
                fresh += self._note(transfer, statements)
            self.conclude(transfer.id for transfer in batch)
            self.end(txid for ref in fresh for txid in self._objects.transfers.waiting_for(ref))
        hsm.failpoint.reach("bank.settle.answered")

    def _believed(
        self, batch: Sequence[Signed[Transfer]], answers: list[list[Signed[Consumption]]]
    ) -> list[list[Signed[Consumption]]]:
        for transfer, statements in zip(batch, answers, strict=True):
            self._check(transfer, statements)
        return answers

    def _check(self, transfer: Signed[Transfer], statements: Sequence[Signed[Consumption]]) -> None:
        """NOTARY_SIGNATURE, COMMIT_MISMATCH (a reference is not covered, or covered twice)."""
        winners: dict[TokenRef, bytes] = {}
        for statement in statements:
            check_consumption(statement, self._house.trust.directory)
            for ref in statement.body.refs:
                require(
                    winners.setdefault(ref, statement.id) == statement.id,
                    Code.COMMIT_MISMATCH,
                    token=str(ref),
                )
        require(set(transfer.body.inputs) <= set(winners), Code.COMMIT_MISMATCH, transfer=transfer.id.hex())

    def _note(self, transfer: Signed[Transfer], statements: Sequence[Signed[Consumption]]) -> list[TokenRef]:
        """References of which nothing was known before."""
        fresh = [ref for statement in statements for ref in self._objects.statements.add(statement)]
        self._objects.transfers.set_stage(transfer.id, Stage.COMMITTED)
        owner = self._objects.transfers.owner(transfer.id)
        if owner is not None:
            self._relays.committed(transfer, owner)
        return fresh

    # verdicts

    def end(self, txids: Iterable[bytes]) -> None:
        """Answer what waits and is worth nothing whatever may still come, for others have all that it consumes. It
        counts as decided by the notary then, and is not committed."""
        ended = [txid for txid in dict.fromkeys(txids) if self._is_hopeless(txid)]
        for txid in ended:
            self._objects.transfers.set_stage(txid, Stage.COMMITTED)
        self.conclude(ended)

    def _is_hopeless(self, txid: bytes) -> bool:
        transfer = self._objects.transfers.transfer(txid)
        if transfer is None or self._objects.transfers.stage(txid) is not Stage.WAITING:
            return False
        return all(self._is_lost(ref, txid) for ref in transfer.body.inputs)

    def _is_lost(self, ref: TokenRef, txid: bytes) -> bool:
        winner = self._winner(ref)
        return self._objects.tokens.worth(ref) == 0 if winner is None else winner != txid

    def _winner(self, ref: TokenRef) -> bytes | None:
        sql = "select consumer from consumed where origin = ? and output = ?"
        winner: bytes | None = self._store.value(sql, ref)
        return winner

    def signature_came(self, transfer: Signed[Transfer]) -> None:
        """A conflict may have waited for this payload."""
        waiting = [
            txid
            for (txid,) in self._store.rows("select transfer from lacks where wanted = ?", (transfer.id,))
            if self._objects.transfers.has_copy(transfer.id, self._objects.transfers.owner(txid) or b"")
        ]
        self.conclude(waiting)
        for txid in waiting:
            self._lacks_no_more(txid, transfer.id)

    def conclude(self, txids: Iterable[bytes]) -> None:
        """Answer these transfers, and what descends from them, as far as everything needed is known."""
        todo = list(txids)[::-1]
        while todo:
            txid = todo.pop()
            if self._objects.transfers.stage(txid) is Stage.COMMITTED and self._conclude(txid):
                todo.extend(self._objects.transfers.children(txid))

    def _conclude(self, txid: bytes) -> bool:
        transfer = self._objects.transfers.transfer(txid)
        outcome = None if transfer is None else self._outcome(transfer)
        if transfer is None or outcome is None:
            return False
        evidence: bytes | None = None
        if outcome.verdict is Verdict.CONFLICT:
            evidence = self._evidence(transfer, outcome)
            if evidence is None and (self._lacks(txid) or self._is_nameless(txid)):
                return False
        elif outcome.verdict is Verdict.SHORT:
            evidence = self._inherited(transfer.body)
        verdict = (
            Verdict.SHORT if outcome.verdict is Verdict.CONFLICT and evidence is None else outcome.verdict
        )
        self._answer(transfer, Outcome(verdict, outcome.values, outcome.lost), outcome.code, evidence)
        return True

    def _is_nameless(self, txid: bytes) -> bool:
        """Whether no certificate of its signer is at hand: then it is not told yet whom the evidence names."""
        owner = self._objects.transfers.owner(txid)
        return owner is None or not self._objects.certificates.of(owner)

    def certificate_came(self, key: bytes) -> None:
        """What has ended without a certificate of its signer may have waited for this one."""
        self.conclude(self._objects.pending.waiting_of(key))

    def _outcome(self, transfer: Signed[Transfer]) -> Outcome | None:
        """What the notary's words make of it; None while an ancestor has no verdict."""
        winners: list[bytes] = []
        brought: list[int] = []
        for ref in transfer.body.inputs:
            value = self._objects.tokens.worth(ref)
            winner = self._winner(ref) or (transfer.id if value == 0 else None)
            if winner is None or (value is None and winner == transfer.id):
                return None
            winners.append(winner)
            brought.append(value or 0)
        return settle(transfer, winners, brought)

    def _evidence(self, transfer: Signed[Transfer], outcome: Outcome) -> bytes | None:
        """The name of the evidence, or None while no other payload is at hand. Those that are not are asked for, also
        where one is enough to tell: a bank that can't show its own owes for it."""
        owner = self._objects.transfers.owner(transfer.id)
        found: bytes | None = None
        for loss in outcome.lost:
            if loss.is_refund or owner is None:
                continue
            other = self._objects.transfers.copy(loss.consumer, owner)
            if other is None:
                self._ask_for(transfer.id, loss.token, loss.consumer)
                continue
            self._lacks_no_more(transfer.id, loss.consumer)
            if found is None:
                found = self._told(transfer, other, owner)
        return found

    def _told(self, transfer: Signed[Transfer], other: Signed[Transfer], owner: bytes) -> bytes | None:
        """Evidence for the holder's claim; other banks' wallets are named to the central bank as well, whatever their
        bank does."""
        evidence = self._watch.evidence(transfer, other, owner)
        if evidence is None:
            return None
        for item in self._watch.foreign(transfer, other, owner):
            self._work.add(Item(Kind.REVOKE, "", self._watch.keep(item)))
        return self._watch.keep(evidence)

    def _ask_for(self, txid: bytes, token: TokenRef, consumer: bytes) -> None:
        if self.has_failed(txid, consumer):
            return
        self._store.insert("lacks", transfer=txid, wanted=consumer)
        statement = self._objects.statements.on(token)
        if statement is not None and statement.body.bank != CENTRAL_BANK:
            for item in self._askable(statement.body.bank, txid, consumer):
                if not self._work.is_open(item):
                    self._work.again(item)

    def _askable(self, bank: str, txid: bytes, consumer: bytes) -> list[Item]:
        """Who may show it: the bank that committed it; where that is this one, whose store no longer has it, everybody
        to whom it may have passed it on."""
        banks = [entry.id for entry in self._house.trust.directory.banks if entry.id != bank]
        asked = [bank] if bank != self._house.bank else banks
        return [Item(Kind.FETCH, name, consumer) for name in asked] or [
            Item(Kind.CHALLENGE, "", txid + consumer)
        ]

    def was_not_shown(self, txid: bytes, wanted: bytes) -> None:
        """A bank could not show ``wanted``, and owes for it: then nobody is ever named, and nobody waits. Within the
        caller's transaction."""
        self._store.insert("challenges", transfer=txid, wanted=wanted)
        self._lacks_no_more(txid, wanted)
        self.conclude([txid])

    def _lacks_no_more(self, txid: bytes, wanted: bytes) -> None:
        self._store.run("delete from lacks where transfer = ? and wanted = ?", (txid, wanted))

    def has_failed(self, txid: bytes, wanted: bytes) -> bool:
        """Whether it ended so that ``wanted``, which took tokens from a transfer, could not be shown."""
        sql = "select 1 from challenges where transfer = ? and wanted = ?"
        return self._store.row(sql, (txid, wanted)) is not None

    def _lacks(self, txid: bytes) -> bool:
        return self._store.row("select 1 from lacks where transfer = ? limit 1", (txid,)) is not None

    def _inherited(self, body: Transfer) -> bytes | None:
        """The evidence behind an ancestor's loss is its descendants' claim too."""
        for ref in body.inputs:
            held: bytes | None = self._store.value(
                "select evidence from settlements where transfer = ? and evidence is not null", (ref.txid,)
            )
            if held is not None:
                return held
        return None

    def refused(self, txid: bytes, code: Code) -> None:
        """Invalid for ever: answered, and never committed."""
        transfer = self._objects.transfers.transfer(txid)
        if transfer is not None:
            self._answer(transfer, Outcome(Verdict.REFUSED, ()), code, None)

    def _answer(
        self, transfer: Signed[Transfer], outcome: Outcome, code: Code | None, evidence: bytes | None
    ) -> None:
        house = self._house
        settlement = house.sign(
            Settlement(
                bank=house.bank,
                transfer=transfer.id,
                verdict=outcome.verdict,
                values=outcome.values,
                code=code,
                time=house.clock(),
            )
        )
        self._store.insert(
            "settlements",
            transfer=transfer.id,
            verdict=int(outcome.verdict),
            code=None if code is None else code.value,
            time=settlement.body.time,
            payload=settlement.payload,
            signature=settlement.signature,
            evidence=evidence,
        )
        for output, value in enumerate(outcome.values):
            self._objects.tokens.settle(TokenRef(transfer.id, output), value)
        self._objects.transfers.set_stage(transfer.id, Stage.ANSWERED)
        signer = self._objects.transfers.signer(transfer.id)
        if outcome.verdict is not Verdict.REFUSED and signer is not None:
            self._watch.check_limits(transfer, signer.body)
            self._listener.answered(transfer, signer.body.key, outcome)
