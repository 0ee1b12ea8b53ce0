"""The fork watch: what a bank looks for in the transfers of the wallets that it has certified.

Rule: two signed transfers of one key that consume one token, or bear one sequence number, are evidence, whoever
brought them and whether or not their provenance is known; the customer's wallet ids are revoked. A broken limit
shows when a transfer is settled; it revokes too, and the transfer stands. Gaps in sequence numbers prove nothing.
"""

from __future__ import annotations

import hashlib

from ledger_sync.bank.house import House
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.wallets import Wallets
from wallet.protocol.bounds import DAY
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import TokenRef, Transfer


class ForkWatch:
    """Watches the keys of this bank's customers. Works within the caller's transaction."""

    def __init__(self, house: House, objects: Objects, wallets: Wallets) -> None:
        self._house = house
        self._store = house.store
        self._objects = objects
        self._wallets = wallets

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Compare a newly seen signature with all others of its key."""
        account = self._wallets.customer_of(signer)
        if account is None:
            return
        for other_id in self._suspects(transfer, signer):
            other = self._objects.copy(other_id, signer)
            evidence = None if other is None else self.evidence(transfer, other, signer)
            if evidence is not None:
                named = evidence.certificate.body.wallet
                self._wallets.revoke(account, Reason.CONFLICT, self.keep(evidence), named)

    def _suspects(self, transfer: Signed[Transfer], signer: bytes) -> list[bytes]:
        sql = "select transfer from copies where signer = ? and sequence = ? and transfer <> ?"
        rows = self._store.rows(sql, (signer, transfer.body.sequence, transfer.id))
        found = [row[0] for row in rows]
        for ref in transfer.body.inputs:
            found += [txid for txid in self._objects.consumers(ref) if txid != transfer.id]
        return list(dict.fromkeys(found))

    def evidence(self, one: Signed[Transfer], other: Signed[Transfer], key: bytes) -> Evidence | None:
        """What two transfers that ``key`` signed prove, if anything: about this bank's own wallet where it is one."""
        certificate = self._objects.certificate_for(key, one.body.time, self._house.bank)
        return None if certificate is None else Evidence.of(one, other, certificate)

    def keep(self, evidence: Evidence) -> bytes:
        """Store evidence; its name here."""
        raw = evidence.encode()
        name = hashlib.sha256(raw).digest()
        key = evidence.certificate.body.key
        self._store.insert("evidence", id=name, kind=int(evidence.kind), key=key, raw=raw)
        return name

    # limits

    def check_limits(self, transfer: Signed[Transfer], certificate: Certificate) -> None:
        """Revoke the signer's wallet ids if the transfer, which stands, broke the limits it was signed under: those
        of ``certificate``, or of another one of the key that covers its time."""
        account = self._wallets.customer_of(certificate.key)
        if account is None or transfer.body.redemption is not None:
            return
        held = (item.body for item in self._objects.certificates(certificate.key))
        covering = [body for body in held if body.issued <= transfer.body.time <= body.expires]
        if not any(self._is_within(transfer, body) for body in covering or [certificate]):
            self._wallets.revoke(account, Reason.LIMITS)

    def _is_within(self, transfer: Signed[Transfer], certificate: Certificate) -> bool:
        try:
            self._check(transfer, certificate)
        except Refusal:
            return False
        return True

    def _check(self, transfer: Signed[Transfer], certificate: Certificate) -> None:
        body, limits = transfer.body, certificate.limits
        require(self._paid(transfer, certificate.key) <= limits.payment, Code.LIMIT_PAYMENT)
        total = body.total - certificate.total
        require(total >= body.amount, Code.TOTAL_INCONSISTENT)
        require(total <= limits.total, Code.LIMIT_TOTAL)
        paid = self._objects.token(TokenRef(transfer.id, 0))
        require(paid is None or paid.hop <= limits.hops, Code.LIMIT_HOPS)
        require(body.time <= certificate.issued + limits.days * DAY, Code.LIMIT_DAYS)
        self._check_count(transfer, certificate.key)

    def _paid(self, transfer: Signed[Transfer], key: bytes) -> int:
        """What the purse gave in answer to one request; a printed one may be answered often."""
        body = transfer.body
        request = self._objects.request(body.purpose) if isinstance(body.purpose, bytes) else None
        if request is None or request.body.is_printed:
            return body.amount
        rows = self._store.rows(
            "select t.id from transfers t join copies c on c.transfer = t.id"
            " join wallets w on w.key = c.signer where t.purpose = ? and w.device = ? group by t.id",
            (body.purpose, self._wallets.device_of(key)),
        )
        bodies = [self._objects.body(row[0]) for row in rows]
        return sum(other.amount for other in bodies if other is not None)

    def _check_count(self, transfer: Signed[Transfer], key: bytes) -> None:
        """The running total never falls, and grows by what is paid, over all keys of the purse.

        Payments only: a redemption does not count, and a purse that is being recovered may state too little in one.
        """
        device = self._wallets.device_of(key)
        before = self._neighbour("<", "desc", device, transfer.body.sequence)
        after = self._neighbour(">", "asc", device, transfer.body.sequence)
        for earlier, later in ((before, transfer.body), (transfer.body, after)):
            if earlier is not None and later is not None:
                grown = 0 if later.purpose == earlier.purpose else later.amount
                require(later.total >= earlier.total + grown, Code.TOTAL_INCONSISTENT)

    def _neighbour(self, relation: str, order: str, device: bytes | None, sequence: int) -> Transfer | None:
        txid = self._store.value(
            "select c.transfer from copies c join wallets w on w.key = c.signer"
            " join transfers t on t.id = c.transfer where t.purpose is not null"
            f" and w.device = ? and c.sequence {relation} ? order by c.sequence {order} limit 1",
            (device, sequence),
        )
        return None if txid is None else self._objects.body(txid)
