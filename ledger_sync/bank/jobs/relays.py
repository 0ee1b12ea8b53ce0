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
from wallet.protocol.bounds import KEY_BYTES
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer


class Relays:
    """Notes what to pass on. Works within the caller's transaction, but for `rest`; the outbox does the passing."""

    def __init__(self, context: BankContext, objects: Archive, work: JobQueue, at_once: int) -> None:
        """``at_once`` objects are opened for a bank in one transaction."""
        self._at_once = at_once
        self._bank = context.bank
        self._unit = context.storage.unit
        self._recipients = context.storage.recipients
        self._objects = objects
        self._work = work

    def certificate_came(self, signed: Signed[Certificate]) -> None:
        """The first certificate of its key by its bank: all that concerns the key is for this bank too."""
        key, bank = signed.body.key, signed.body.bank
        if bank == self._bank or not self._recipients.is_first(signed):
            return
        self._pass_on_slice(bank, key, b"")

    def rest(self, item: Job) -> None:
        """The next slice of what concerns a key, for a bank that has certified it."""
        with self._unit.transaction():
            self._pass_on_slice(item.target, item.subject[:KEY_BYTES], item.subject[KEY_BYTES:])

    def _pass_on_slice(self, bank: str, key: bytes, after: bytes) -> None:
        """What concerns ``key``, in the order of ids from ``after`` on, and a job for the rest: so nobody waits while
        all of a long history is opened at once. What comes meanwhile is passed on as it comes."""
        names = self._recipients.concerning(key, after, self._at_once)
        waiting = self._objects.pending.waiting_of(key, after, self._at_once)
        for name in names:
            self._pass_on(name, bank)
        for txid in waiting:
            self._pass_payload_on(txid, key, bank)
        ends = [some[-1] for some in (names, waiting) if len(some) == self._at_once]
        if ends:
            self._work.add(Job(JobKind.RELAY_KEY, bank, key + min(ends)))

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Its signer's banks shall see it, whatever becomes of it."""
        for bank in self._others(signer):
            self._pass_payload_on(transfer.id, signer, bank)

    def money_made(self, signed: Signed[Issuance]) -> None:
        """A redemption's new tokens: their owner's banks deliver them."""
        owner = signed.body.owner
        self._recipients.add([(owner, signed.id)])
        for bank in self._others(owner):
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
        self._objects.certificates.prepare({key for key, *_ in concerned})
        for key, txid, signer in concerned:
            for bank in self._others(key):
                self._pass_whole_on(txid, signer, bank)

    def _others(self, key: bytes) -> list[str]:
        """The other banks that certified ``key``."""
        return [bank for bank in self._objects.certificates.banks_of(key) if bank != self._bank]

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
