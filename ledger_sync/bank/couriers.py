"""Couriers: how each kind of work between banks is carried out.

Rule: what is passed on is taken from the archive at the moment of passing, with all that the other bank needs to
judge it. Whoever fails to show what it committed is challenged at the central bank, by the payee's bank.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import hsm.failpoint
from ledger_sync.bank.books import OWN, POSITION
from ledger_sync.bank.house import House
from ledger_sync.bank.intake import Intake
from ledger_sync.bank.lines import BankLines, CentralBankLine, Shown
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.provenance import Gathered, Provenance
from ledger_sync.bank.settling_desk import SettlingDesk
from ledger_sync.bank.shares import uploader_of_bank
from ledger_sync.bank.wallets import Wallets
from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.http.peers import is_asked_again
from wallet.protocol import idempotency
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import parse_evidence
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Transfer

RELAYED_AT_ONCE: Final = 32
"""Transfers passed on in one relay, with their provenance."""
_MAX_LISTED: Final = 32
"""Wallet ids in one call to revoke."""
_PATIENCE: Final = 24
"""Attempts to reach a bank before the central bank is asked to challenge it."""


class RelayCourier:
    """Passes transfers and issuances on to other banks."""

    def __init__(
        self, house: House, objects: Objects, provenance: Provenance, work: WorkList, banks: BankLines
    ) -> None:
        self._store = house.store
        self._objects = objects
        self._provenance = provenance
        self._work = work
        self._banks = banks

    def whole(self, item: Item) -> None:
        """One transfer, and whatever else is due for the same bank, as far as one bundle carries."""
        batch = [item, *(other for other in self._others(item))]
        gathered = Gathered()
        taken: list[Item] = []
        for one in batch:
            more = self._provenance.gather(
                [one.subject], Gathered(dict(gathered.transfers), dict(gathered.issuances))
            )
            if taken and not more.fits():
                break
            gathered = more
            taken.append(one)
        self._banks.relay(item.target, self._provenance.bundle(gathered, [one.subject for one in taken]))
        hsm.failpoint.reach("bank.relay.sent")
        with self._store.transaction():
            for one in taken:
                self._work.done(one)

    def _others(self, item: Item) -> list[Item]:
        due = self._work.due(RELAYED_AT_ONCE, (Kind.WHOLE,), item.target)
        return [other for other in due if other != item][: RELAYED_AT_ONCE - 1]

    def payload(self, item: Item) -> None:
        """A signed payload for its signer's bank."""
        txid, signer = item.subject[:ID_BYTES], item.subject[ID_BYTES:]
        copy = self._objects.copy(txid, signer)
        certificate = None if copy is None else self._objects.certificate_for(signer, copy.body.time)
        if copy is not None and certificate is not None:
            self._banks.relay(item.target, Bundle((copy,), (), (certificate,), ()))
        self._work.done(item)

    def money(self, item: Item) -> None:
        """A redemption's new tokens for their owner's bank."""
        issuance = self._objects.issuance(item.subject)
        if issuance is not None:
            self._banks.relay(item.target, Bundle((), (issuance,), (), ()))
        self._work.done(item)


class ConflictCourier:
    """Gets a conflict's other payload from the bank that the notary names, or has that bank pay."""

    def __init__(
        self,
        house: House,
        objects: Objects,
        provenance: Provenance,
        wallets: Wallets,
        work: WorkList,
        intake: Intake,
        desk: SettlingDesk,
        banks: BankLines,
        central_bank: CentralBankLine,
    ) -> None:
        self._house = house
        self._store = house.store
        self._objects = objects
        self._provenance = provenance
        self._wallets = wallets
        self._work = work
        self._intake = intake
        self._desk = desk
        self._banks = banks
        self._central_bank = central_bank

    def fetch(self, item: Item) -> None:
        """Ask the bank ``target`` for the transfer ``subject``, while a conflict waits for it."""
        if not self._lacking(item.subject):
            self._work.done(item)
            return
        try:
            self._take(item.subject, self._banks.transfer(item.target, item.subject), item.target)
        except Refusal as refusal:
            is_open = is_asked_again(refusal) and refusal.code is not Code.NOT_FOUND
            if is_open and self._attempts(item) < _PATIENCE:
                raise
            self._challenge_all(item.subject)
            raise
        if self._lacking(item.subject):
            self._challenge_all(item.subject)
        self._work.done(item)

    def _take(self, wanted: bytes, shown: Shown, bank: str) -> None:
        transfer, certificate = shown
        require(transfer.id == wanted, Code.EVIDENCE_INVALID)
        self._intake.take(Bundle((transfer,), (), (certificate,), ()), uploader_of_bank(bank))

    def _attempts(self, item: Item) -> int:
        found = self._store.value(
            "select attempts from work where kind = ? and target = ? and subject = ?",
            (item.kind.value, item.target, item.subject),
        )
        return int(found or 0)

    def _lacking(self, wanted: bytes) -> list[bytes]:
        rows = self._store.rows("select transfer from lacks where wanted = ?", (wanted,))
        return [row[0] for row in rows]

    def _challenge_all(self, wanted: bytes) -> None:
        with self._store.transaction():
            for txid in self._lacking(wanted):
                transfer = self._objects.body(txid)
                if transfer is not None and self._claimant(txid, transfer) is not None:
                    self._work.add(Item(Kind.CHALLENGE, "", txid + wanted))

    def _claimant(self, txid: bytes, transfer: Transfer) -> str | None:
        """Whose account a compensation is for, if it is this bank's to ask for."""
        key = self._claimant_key(txid, transfer)
        return None if key is None else self._wallets.customer_of(key)

    def _claimant_key(self, txid: bytes, transfer: Transfer) -> bytes | None:
        return transfer.payee if transfer.redemption is None else self._objects.owner(txid)

    def challenge(self, item: Item) -> None:
        """Have the central bank ask, and the bank that can't show it pay."""
        txid, wanted = item.subject[:ID_BYTES], item.subject[ID_BYTES:]
        transfer = self._objects.body(txid)
        if transfer is None or wanted not in self._wanted(txid):
            self._work.done(item)
            return
        lost = [ref for ref in transfer.inputs if self._is_lost_to(ref.txid, ref.output, wanted)]
        statement = self._objects.statement(lost[0]) if lost else None
        claimant = self._claimant_key(txid, transfer)
        if statement is None or claimant is None:
            raise Refusal(Code.NOT_FOUND)
        gathered = self._provenance.gather([txid])
        value, shown = self._central_bank.challenge(
            statement,
            txid,
            self._provenance.bundle(gathered),
            self._provenance.statements(gathered),
            self._wallets.possession(claimant),
        )
        hsm.failpoint.reach("bank.challenge.answered")
        if shown is not None:
            self._take(wanted, shown, statement.body.bank)
        else:
            self._compensate(txid, wanted, transfer, value)
        self._work.done(item)

    def _wanted(self, txid: bytes) -> set[bytes]:
        return {row[0] for row in self._store.rows("select wanted from lacks where transfer = ?", (txid,))}

    def _is_lost_to(self, origin: bytes, output: int, consumer: bytes) -> bool:
        sql = "select 1 from consumed where origin = ? and output = ? and consumer = ?"
        return self._store.row(sql, (origin, output, consumer)) is not None

    def _compensate(self, txid: bytes, wanted: bytes, transfer: Transfer, value: int) -> None:
        """Book what was paid as the lost value would have gone: payee before change."""
        account = self._claimant(txid, transfer)
        owner = self._objects.owner(txid)
        signer = None if owner is None else self._wallets.customer_of(owner)
        to_payee = min(value, transfer.amount)
        with self._store.transaction():
            self._store.insert("challenges", transfer=txid, wanted=wanted, customer=account, value=value)
            self._house.books.move(
                idempotency.compensation(txid, wanted, 0), POSITION, account or OWN, to_payee
            )
            self._house.books.move(
                idempotency.compensation(txid, wanted, 1), POSITION, signer or OWN, value - to_payee
            )
            self._store.run("delete from lacks where transfer = ?", (txid,))
            self._desk.conclude([txid])


class RevocationCourier:
    """Has wallet ids revoked at the central bank."""

    def __init__(
        self,
        house: House,
        objects: Objects,
        wallets: Wallets,
        work: WorkList,
        central_bank: CentralBankLine,
    ) -> None:
        self._house = house
        self._store = house.store
        self._objects = objects
        self._wallets = wallets
        self._work = work
        self._central_bank = central_bank

    def revoke(self, item: Item) -> None:
        """Everything open for one piece of evidence, or for one customer without evidence."""
        raw = self._store.value("select raw from evidence where id = ?", (item.subject,))
        evidence = None if raw is None else parse_evidence(raw)
        while rows := self._open(item.subject, with_evidence=evidence is not None):
            listed = [(certificate, Reason(reason)) for certificate, reason in self._certified(rows)]
            if evidence is not None:
                named = evidence.certificate
                listed = [(named, Reason.CONFLICT), *(one for one in listed if one[0].id != named.id)]
            shown = [(self._wallets.possession_under(one), reason) for one, reason in listed]
            version = self._central_bank.revoke(shown, evidence)
            hsm.failpoint.reach("bank.revoke.answered")
            with self._store.transaction():
                for wallet, reason in rows:
                    self._store.run(
                        "update revocations set version = ? where wallet = ? and reason = ?",
                        (version, wallet, reason),
                    )
        self._work.done(item)

    def _open(self, subject: bytes, *, with_evidence: bool) -> list[tuple[bytes, int]]:
        """Wallet ids and reasons, one less than may be listed: the one that evidence names is always with them."""
        if with_evidence:
            where, value = "evidence = ?", subject
        else:
            where, value = "evidence is null and customer = cast(? as text)", subject
        rows = self._store.rows(
            f"select wallet, reason from revocations where version is null and {where} limit ?",
            (value, _MAX_LISTED - 1),
        )
        return [(wallet, reason) for wallet, reason in rows]

    def _certified(self, rows: list[tuple[bytes, int]]) -> Iterator[tuple[Signed[Certificate], int]]:
        for wallet, reason in rows:
            certificate_id = self._store.value("select certificate from wallets where wallet = ?", (wallet,))
            certificate = self._objects.certificate(certificate_id)
            if certificate is not None:
                yield certificate, reason
