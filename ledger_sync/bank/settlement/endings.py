"""How waiting ends: by what is missing, or because nothing that may still come could make a difference.

Rule: what waits for a certificate or an ancestor is no verdict, and must not wait for ever either. The notary is asked
who consumed its inputs, soon and then ever more seldom. If others have all of them, a refund or rivals, it is worth
nothing whatever comes, and is answered so. If it was itself committed, the bank that did so has what is missing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.intake import Intake
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import BankClients
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.shares import uploader_of_bank
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.settlement.commits import Commits
from ledger_sync.bank.settlement.settler import Settler
from ledger_sync.http.peers import is_asked_again, read
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.settlement import CENTRAL_BANK, Consumption, check_consumption
from wallet.protocol.transfer import TokenRef, Transfer

_ROUND: Final = 32
"""Transfers looked after in one round, in one call to the notary."""


class Endings:
    """Looks after what waits, a few transfers in each round of a worker."""

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        work: JobQueue,
        intake: Intake,
        settler: Settler,
        commits: Commits,
        banks: BankClients,
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._settlements = context.storage.settlements
        self._objects = objects
        self._work = work
        self._intake = intake
        self._settler = settler
        self._commits = commits
        self._banks = banks

    def look(self) -> None:
        """One round. Raises ``Refusal``: UNREACHABLE and what else the notary says; it is asked again."""
        now = self._context.clock()
        due = self._objects.waiting.due(now, _ROUND)
        found = [item for txid in due if (item := self._objects.transfers.transfer(txid)) is not None]
        statements = self._asked(found) if found else {}
        with self._unit.transaction():
            self._settlements.note(tuple(statements.values()), are_ours=False)
            self._settler.end(item.id for item in found)
            self._objects.waiting.looked(due, now)
            for item in found:
                self._ask_for(item, statements)
        self._settler.answer()

    def _asked(self, transfers: Sequence[Signed[Transfer]]) -> dict[TokenRef, Signed[Consumption]]:
        return read(self._commits.question(transfers), lambda answers: self._believed(transfers, answers))

    def _believed(
        self, transfers: Sequence[Signed[Transfer]], answers: Sequence[Sequence[Signed[Consumption]]]
    ) -> dict[TokenRef, Signed[Consumption]]:
        found: dict[TokenRef, Signed[Consumption]] = {}
        directory, is_head = self._context.trust.directory, each_head_once()
        for transfer, statements in zip(transfers, answers, strict=True):
            for statement in statements:
                check_consumption(statement, directory, is_head)
                about = set(transfer.body.inputs) & set(statement.body.refs)
                require(bool(about), Code.COMMIT_MISMATCH, transfer=transfer.id.hex())
                found.update(dict.fromkeys(about, statement))
        self._context.seen(list(found.values()))
        return found

    def _ask_for(self, transfer: Signed[Transfer], statements: dict[TokenRef, Signed[Consumption]]) -> None:
        """Where another bank committed it, that bank is asked for what is missing here."""
        for ref in transfer.body.inputs:
            statement = statements.get(ref)
            if statement is not None and statement.body.consumer == transfer.id:
                if statement.body.bank not in (CENTRAL_BANK, self._context.bank):
                    self._work.again(Job(JobKind.FETCH, statement.body.bank, transfer.id))
                return

    def fetch(self, item: Job) -> None:
        """The transfer ``subject`` with its certificate from the bank ``target``, if it still waits here. Raises what
        is asked again; what can't be had otherwise is asked for when it is looked after again."""
        held = self._objects.transfers.transfer(item.subject)
        if held is None or self._objects.transfers.stage(item.subject) is not Stage.WAITING:
            return
        try:
            transfer, certificate = self._banks.transfer(item.target, item.subject, held)
            require(transfer.id == item.subject, Code.EVIDENCE_INVALID)
            self._intake.take(Bundle((transfer,), (), (certificate,), ()), uploader_of_bank(item.target))
        except Refusal as refusal:
            if is_asked_again(refusal) and refusal.code is not Code.NOT_FOUND:
                raise
