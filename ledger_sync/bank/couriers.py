"""Couriers: how transfers, issuances and revocations are passed on to other banks and to the central bank.

Rule: what is passed on is taken from the archive at the moment of passing, with all that the other side needs to judge
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.house import House
from ledger_sync.bank.lines import BankLines, CentralBankLine
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.provenance import Gathered, Provenance
from ledger_sync.bank.wallets import Wallets
from ledger_sync.bank.work import Item, WorkList
from wallet.protocol.bounds import ID_BYTES, MAX_AHEAD
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import parse_evidence
from wallet.protocol.policy import Reason

RELAYED_AT_ONCE: Final = 32
"""Transfers passed on in one relay, with their provenance."""
_MAX_LISTED: Final = 32
"""Wallet ids in one call to revoke."""


class RelayCourier:
    """Passes transfers and issuances on to other banks."""

    def __init__(self, objects: Objects, provenance: Provenance, banks: BankLines) -> None:
        self._objects = objects
        self._provenance = provenance
        self._banks = banks

    def whole(self, items: Sequence[Item]) -> int:
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

    def payload(self, item: Item) -> None:
        """A signed payload for its signer's bank."""
        txid, signer = item.subject[:ID_BYTES], item.subject[ID_BYTES:]
        copy = self._objects.transfers.copy(txid, signer)
        certificate = None if copy is None else self._objects.certificates.covering(signer, copy.body.time)
        if copy is not None and certificate is not None:
            self._banks.relay(item.target, Bundle((copy,), (), (certificate,), ()))

    def money(self, item: Item) -> None:
        """A redemption's new tokens for their owner's bank."""
        issuance = self._objects.issuances.get(item.subject)
        if issuance is not None:
            self._banks.relay(item.target, Bundle((), (issuance,), (), ()))


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
        if evidence is not None and evidence.certificate.body.bank != self._house.bank:
            self._central_bank.revoke((), evidence)
            return
        while rows := self._next(item, with_evidence=evidence is not None):
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

    def _next(self, item: Item, *, with_evidence: bool) -> list[tuple[bytes, int]]:
        """What is open; where nothing is, the work is done. In one transaction: what is revoked meanwhile opens the
        work again afterwards. TIME_AHEAD where all that is left is dated so far ahead that the central bank lists it
        later: that keeps nothing else waiting."""
        with self._store.transaction():
            ahead = self._house.clock() + MAX_AHEAD
            rows = self._open(item.subject, "<=", ahead, with_evidence=with_evidence)
            if rows:
                return rows
            left = self._open(item.subject, ">", ahead, with_evidence=with_evidence)
            require(not left, Code.TIME_AHEAD, count=len(left))
            self._work.done(item)
            return []

    def _open(
        self, subject: bytes, relation: str, ahead: int, *, with_evidence: bool
    ) -> list[tuple[bytes, int]]:
        """Wallet ids and reasons, one less than may be listed: the one that evidence names is always with them."""
        where = "r.evidence = ?" if with_evidence else "r.evidence is null and r.customer = cast(? as text)"
        rows = self._store.rows(
            "select r.wallet, r.reason from revocations r join wallets w on w.wallet = r.wallet"
            f" where r.version is null and {where} and w.issued {relation} ? limit ?",
            (subject, ahead, _MAX_LISTED - 1),
        )
        return [(wallet, reason) for wallet, reason in rows]

    def _certified(self, rows: list[tuple[bytes, int]]) -> Iterator[tuple[Signed[Certificate], int]]:
        for wallet, reason in rows:
            certificate_id = self._store.value("select certificate from wallets where wallet = ?", (wallet,))
            certificate = self._objects.certificates.get(certificate_id)
            if certificate is not None:
                yield certificate, reason
