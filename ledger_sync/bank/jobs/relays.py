"""Between banks: what has to be passed on, and to whom.

Rule: a validated transfer goes with its whole provenance to the banks that certified the owner of its output and to
those that certified its signer; a signed payload goes to its signer's banks even while its provenance is missing; an
issuance to its owner's banks. Each goes once to each bank. Whose key it is, certificates in hand say, those inside
requests included. A bank can certify another's customer's key, so one certificate never ends the search: a bank
whose certificate comes later gets what came before it, and nobody is passed over for another's sake.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.pending import beneficiary
from ledger_sync.bank.ports.shares import uploader_of_bank
from ledger_sync.bank.ports.transfers import Stage
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer


class Relays:
    """Notes what to pass on. Works within the caller's transaction; the outbox does the passing."""

    def __init__(self, context: BankContext, objects: Archive, work: JobQueue) -> None:
        self._bank = context.bank
        self._recipients = context.storage.recipients
        self._objects = objects
        self._work = work

    def certificate_came(self, signed: Signed[Certificate]) -> None:
        """The first certificate of its key by its bank: all that concerns the key is for this bank too."""
        key, bank = signed.body.key, signed.body.bank
        if bank == self._bank or not self._recipients.is_first(signed):
            return
        for name in self._recipients.concerning(key):
            self._pass_on(name, bank)
        for txid in self._objects.pending.waiting_of(key):
            self._pass_payload_on(txid, key, bank)

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Its signer's banks shall see it, whatever becomes of it."""
        for bank in self._objects.certificates.banks_of(signer):
            if bank != self._bank:
                self._pass_payload_on(transfer.id, signer, bank)

    def money_made(self, signed: Signed[Issuance]) -> None:
        """A redemption's new tokens: their owner's banks deliver them."""
        owner = signed.body.owner
        self._recipients.add([(owner, signed.id)])
        for bank in self._recipients.banks_of([owner], self._bank).get(owner, ()):
            self._work.add(Job(JobKind.RELAY_ISSUANCE, bank, signed.id))

    def committed(self, transfers: Iterable[tuple[Signed[Transfer], bytes]]) -> None:
        """Validated transfers with their signers: for the banks of each one's payee, of who gets redeemed money, and of
        its signer."""
        concerned = [
            (key, transfer.id, signer)
            for transfer, signer in transfers
            for key in (beneficiary(transfer.body), signer)
            if key is not None
        ]
        self._recipients.add([(key, txid) for key, txid, _ in concerned])
        banks = self._recipients.banks_of({key for key, *_ in concerned}, self._bank)
        for key, txid, signer in concerned:
            for bank in banks.get(key, ()):
                self._pass_whole_on(txid, signer, bank)

    def _pass_on(self, name: bytes, bank: str) -> None:
        if self._objects.issuances.known((name,)):
            self._work.add(Job(JobKind.RELAY_ISSUANCE, bank, name))
            return
        signer = self._objects.transfers.owner(name)
        if signer is not None and self._objects.transfers.stage(name) in (Stage.COMMITTED, Stage.ANSWERED):
            self._pass_whole_on(name, signer, bank)

    def _pass_whole_on(self, txid: bytes, signer: bytes, bank: str) -> None:
        if not self._recipients.brought(txid, uploader_of_bank(bank), whole=True):
            self._work.add(Job(JobKind.RELAY_FULL, bank, txid))
            self._work.drop(Job(JobKind.RELAY_BARE, bank, txid + signer))

    def _pass_payload_on(self, txid: bytes, signer: bytes, bank: str) -> None:
        if not self._recipients.brought(txid, uploader_of_bank(bank), whole=False):
            self._work.add(Job(JobKind.RELAY_BARE, bank, txid + signer))
