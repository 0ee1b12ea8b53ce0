"""Between banks: what has to be passed on, and to whom.

Rule: a validated transfer goes with its whole provenance to the banks that certified the owner of its output and to
those that certified its signer; a signed payload goes to its signer's banks even while its provenance is missing; an
issuance to its owner's banks. Each goes once to each bank. Whose key it is, certificates in hand say, those inside
requests included. A bank can certify another's customer's key, so one certificate never ends the search: a bank
whose certificate comes later gets what came before it, and nobody is passed over for another's sake.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger_sync.bank.house import House
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.pending import beneficiary
from ledger_sync.bank.ports.shares import uploader_of_bank
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.work import Item, Kind, WorkList
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer


class Relays:
    """Notes what to pass on. Works within the caller's transaction; the outbox does the passing."""

    def __init__(self, house: House, objects: Archive, work: WorkList) -> None:
        self._bank = house.bank
        self._store = house.store
        self._objects = objects
        self._work = work

    def certificate_came(self, signed: Signed[Certificate]) -> None:
        """The first certificate of its key by its bank: all that concerns the key is for this bank too."""
        key, bank = signed.body.key, signed.body.bank
        sql = "select 1 from certificates where key = ? and bank = ? and id <> ?"
        if bank == self._bank or self._store.row(sql, (key, bank, signed.id)) is not None:
            return
        for (name,) in self._store.rows("select object from placed where key = ?", (key,)):
            self._pass_on(name, bank)
        for txid in self._objects.pending.waiting_of(key):
            self._pass_payload_on(txid, key, bank)

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Its signer's banks shall see it, whatever becomes of it."""
        for bank in self._objects.certificates.banks_of(signer):
            self._pass_payload_on(transfer.id, signer, bank)

    def _pass_payload_on(self, txid: bytes, signer: bytes, bank: str) -> None:
        if bank != self._bank and not self._has(txid, bank, whole=False):
            self._work.add(Item(Kind.PAYLOAD, bank, txid + signer))

    def money_made(self, signed: Signed[Issuance]) -> None:
        """A redemption's new tokens: their owner's banks deliver them."""
        self._place(signed.id, signed.body.owner)

    def committed(self, transfers: Iterable[tuple[Signed[Transfer], bytes]]) -> None:
        """Validated transfers with their signers: for the banks of each one's payee, of who gets redeemed money, and of
        its signer."""
        for transfer, signer in transfers:
            for key in (beneficiary(transfer.body), signer):
                if key is not None:
                    self._place(transfer.id, key)

    def _place(self, name: bytes, key: bytes) -> None:
        self._store.insert("placed", key=key, object=name)
        for bank in self._objects.certificates.banks_of(key):
            self._pass_on(name, bank)

    def _pass_on(self, name: bytes, bank: str) -> None:
        if bank == self._bank:
            return
        if self._objects.issuances.known((name,)):
            self._work.add(Item(Kind.MONEY, bank, name))
        elif self._objects.transfers.stage(name) in (Stage.COMMITTED, Stage.ANSWERED) and not self._has(
            name, bank, whole=True
        ):
            self._work.add(Item(Kind.WHOLE, bank, name))
            owner = self._objects.transfers.owner(name)
            if owner is not None:
                self._work.drop(Item(Kind.PAYLOAD, bank, name + owner))

    def _has(self, txid: bytes, bank: str, *, whole: bool) -> bool:
        """Whether ``bank`` showed us the transfer itself, with its provenance where ``whole``."""
        sql = "select 1 from uploads where transfer = ? and uploader = ? and whole >= ?"
        return self._store.row(sql, (txid, uploader_of_bank(bank), int(whole))) is not None
