"""A conflict's other payload: shown by the bank that committed it, or compensated by that bank.

Rule: the central bank notes which of the two it was, the first that it hears, for good; before that nothing is said.
Who has the payload shows it there, and is told what was noted before. What is shown counts by the signature of the
token's owner, whose certificate is at hand, and not by any certificate that comes with it. Whoever fails to show what
it committed is challenged at the central bank, by every bank that waits for it. That ends: with the payload, or as a
failure, and then the transfer is answered with what stands, whether or not anything was paid yet. What is paid goes to
whom the lost value would have gone to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.accounts.compensations import Compensations
from ledger_sync.bank.books import OWN, POSITION
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.intake import Intake
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import BankClients, CentralBankClient
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.compensations import Share
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.shares import uploader_of_bank
from ledger_sync.bank.redemption.proofs import Proofs
from ledger_sync.bank.settlement.settler import Settler
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.http.peers import RemoteRefusal, is_asked_again
from ledger_sync.possession import Possession
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer

_PATIENCE: Final = 24
"""Attempts to reach a bank before the central bank is asked to challenge it."""


class ConflictResolver:
    """Gets the other payload from the bank that the notary names, or has that bank pay."""

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        proofs: Proofs,
        wallets: Wallets,
        work: JobQueue,
        intake: Intake,
        settler: Settler,
        compensations: Compensations,
        banks: BankClients,
        central_bank: CentralBankClient,
    ) -> None:
        self._bank = context.bank
        self._key = context.key
        self._trust = context.trust
        self._unit = context.storage.unit
        self._conflicts = context.storage.conflicts
        self._objects = objects
        self._proofs = proofs
        self._wallets = wallets
        self._work = work
        self._intake = intake
        self._settler = settler
        self._compensations = compensations
        self._banks = banks
        self._central_bank = central_bank

    def fetch(self, item: Job) -> None:
        """Ask the bank ``target`` for the transfer ``subject``, while a conflict waits for it."""
        if self._lacking(item.subject):
            try:
                rival = self._rival(item.subject)
                shown, certificate = self._banks.transfer(item.target, item.subject, rival)
                self._learn(certificate, item)
                self._take(item.subject, shown, item.target)
            except Refusal as refusal:
                is_open = is_asked_again(refusal) and refusal.code is not Code.NOT_FOUND
                if is_open and self._work.attempts(item) < _PATIENCE:
                    raise
        with (
            self._unit.transaction()
        ):  # whoever comes to lack it after this finds the work done, and opens it again
            self._work.done(item)
            if not self._is_asked_for(item.subject):
                for txid in self._lacking(item.subject):
                    self._work.add(Job(JobKind.CHALLENGE, "", txid + item.subject))
        self._settler.answer()

    def _is_asked_for(self, wanted: bytes) -> bool:
        """Whether another bank may yet show it: whoever is asked last has the central bank ask."""
        banks = self._trust.directory.banks
        return any(self._work.is_open(Job(JobKind.FETCH, bank.id, wanted)) for bank in banks)

    def _learn(self, certificate: Signed[Certificate], item: Job) -> None:
        """Where none of the owner's is at hand, because what waits has ended without, this one may be the first."""
        owners = {self._objects.transfers.owner(txid) for txid in self._lacking(item.subject)}
        if certificate.body.key in owners and not self._objects.certificates.banks_of(certificate.body.key):
            with contextlib.suppress(Refusal):
                self._intake.take(Bundle((), (), (certificate,), ()), uploader_of_bank(item.target))

    def _rival(self, wanted: bytes) -> Signed[Transfer]:
        """The owner's copy of a transfer that lost a token to ``wanted``: with it another bank is asked. NOT_FOUND."""
        for txid in self._lacking(wanted):
            owner = self._objects.transfers.owner(txid)
            copy = None if owner is None else self._objects.transfers.copy(txid, owner)
            if copy is not None:
                return copy
        raise Refusal(Code.NOT_FOUND, {"transfer": wanted.hex()})

    def _take(self, wanted: bytes, shown: Signed[Transfer], bank: str) -> None:
        """EVIDENCE_INVALID where it is not what was asked for, or is signed by nobody who owned a lost token."""
        require(shown.id == wanted, Code.EVIDENCE_INVALID)
        owners = {self._objects.transfers.owner(txid) for txid in self._lacking(wanted)}
        signers = [owner for owner in owners if owner is not None and shown.signed_by(self._key(owner))]
        require(bool(signers), Code.EVIDENCE_INVALID)
        for owner in signers:
            self._intake.take_shown(shown, owner, uploader_of_bank(bank))
        if self._is_own(shown):
            self._intake.take(Bundle((shown,), (), (), ()), uploader_of_bank(bank))

    def _is_own(self, shown: Signed[Transfer]) -> bool:
        """Whether this bank had committed it, and forgot it when it was put back: then it is judged here again."""
        words = [self._objects.statements.on(ref) for ref in shown.body.inputs]
        return any(
            word is not None and (word.body.bank, word.body.consumer) == (self._bank, shown.id)
            for word in words
        )

    def _lacking(self, wanted: bytes) -> Sequence[bytes]:
        return self._conflicts.lacking(wanted)

    # challenges

    def challenge(self, item: Job) -> None:
        """Have the central bank ask for ``wanted``, which took tokens from a transfer, and book what is paid. What is
        still owed is asked for again when `Compensations` says so."""
        txid, wanted = item.subject[:ID_BYTES], item.subject[ID_BYTES:]
        if txid not in self._lacking(wanted) and wanted not in self._conflicts.not_shown(txid):
            self._work.done(item)
            return
        statements = self._statements(txid, wanted)
        if not self._was_brought(txid, wanted, statements[0]):
            for statement in statements:
                for place, account, possession in self._claimants(txid):
                    self._ask(txid, wanted, statement, (place, account, possession))
                    self._settler.answer()  # nobody waits for what others are still to be paid
        self._work.done(item)

    def _was_brought(self, txid: bytes, wanted: bytes, statement: Signed[Consumption]) -> bool:
        """Whether ``wanted`` is at hand and the central bank has noted it; the ``statement`` of the notary is what
        would count for a challenge. A central bank that does not know of such a call can't note anything, and what is
        at hand decides. Where it noted before that nobody shows it, that is said at once, and paid for later."""
        owner = self._objects.transfers.owner(txid)
        held = None if owner is None else self._objects.transfers.copy(wanted, owner)
        if owner is None or held is None or wanted in self._conflicts.not_shown(txid):
            return False
        late: Sequence[TokenRef] = ()
        try:
            late = self._central_bank.bring(held, owner)
        except RemoteRefusal as refusal:
            if refusal.code not in (Code.NOT_FOUND, Code.METHOD_UNKNOWN):
                raise
        body = self._objects.transfers.body(txid)
        lost = [] if body is None else [ref for ref in body.inputs if ref in statement.body.refs]
        hsm.failpoint.reach("bank.conflict.brought")
        is_late = all(ref in late for ref in lost)
        with self._unit.transaction():
            end = self._settler.was_not_shown if is_late else self._settler.was_shown
            end(txid, wanted)
        self._settler.answer()
        return not is_late

    def _ask(
        self,
        txid: bytes,
        wanted: bytes,
        statement: Signed[Consumption],
        claimant: tuple[int, str | None, Possession | None],
    ) -> None:
        place, account, possession = claimant
        answer = self._proofs.show(
            txid,
            lambda bundle, said: self._central_bank.challenge(
                said[statement.id], txid, bundle, [*said.values()], possession
            ),
        )
        hsm.failpoint.reach("bank.challenge.answered")
        if answer.shown is not None:
            if txid in self._lacking(wanted):
                self._take(wanted, answer.shown[0], statement.body.bank)
                with self._unit.transaction():
                    self._settler.was_shown(txid, wanted)
            return
        with self._unit.transaction():
            if account is not None:
                source = OWN if statement.body.bank == self._bank else POSITION
                share = Share(txid, wanted, place)
                self._compensations.book(share, account, answer.paid, answer.owed, source)
            self._settler.was_not_shown(txid, wanted)

    def _statements(self, txid: bytes, wanted: bytes) -> list[Signed[Consumption]]:
        """The notary's words by which ``wanted`` took tokens from the transfer. NOT_FOUND."""
        body = self._objects.transfers.body(txid)
        found: dict[bytes, Signed[Consumption]] = {}
        for ref in () if body is None else body.inputs:
            statement = self._objects.statements.on(ref)
            if statement is not None and statement.body.consumer == wanted:
                found[statement.id] = statement
        require(bool(found), Code.NOT_FOUND, transfer=txid.hex())
        return list(found.values())

    def _claimants(self, txid: bytes) -> Iterator[tuple[int, str | None, Possession | None]]:
        """Share, account and possession for each key that lost money and is this bank's; if none is, one that only
        learns what became of it."""
        found = False
        for place, key in enumerate(dict.fromkeys(self._beneficiaries(txid))):
            account = self._wallets.customer_of(key)
            if account is not None:
                found = True
                yield place, account, self._wallets.possession(key)
        if not found:
            yield 0, None, None

    def _beneficiaries(self, txid: bytes) -> Iterator[bytes]:
        """Whose money the outputs are, in order (SPEC 9.6)."""
        body, signer = self._objects.transfers.body(txid), self._objects.transfers.owner(txid)
        if body is None or signer is None:
            return
        match body.redemption:
            case None:
                yield body.payee
            case ToPayer(payer):
                yield payer
            case Refresh(owner, _):
                yield owner
            case ToAccount():
                yield signer
        if body.change:
            yield signer
