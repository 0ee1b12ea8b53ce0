"""The fork watch: what a bank looks for in the transfers of the wallets that it has certified.

Rule: two signed transfers of one key that consume one token, or bear one sequence number, are evidence, whoever
brought them and whether or not their provenance is known; the customer's wallet ids are revoked. A broken limit
shows when a transfer is settled; it revokes too, and the transfer stands. Money that is refreshed for somebody else's
key is judged as a payment. Gaps in sequence numbers prove nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.wallets.policies import Policies
from ledger_sync.bank.wallets.wallets import Wallets
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.limits import Spending, check_payer
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Refresh, TokenRef, Transfer


class ForkWatch:
    """Watches the keys of this bank's customers. Works within the caller's transaction."""

    def __init__(self, context: BankContext, objects: Archive, wallets: Wallets, policies: Policies) -> None:
        self._context = context
        self._history = context.storage.signing_history
        self._revocations = context.storage.revocations
        self._objects = objects
        self._wallets = wallets
        self._policies = policies

    def signature_came(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Compare a newly seen signature with the others of its key: one contradiction names its wallet, and what
        a named wallet signs later is compared no more. So evidence does not grow with what a cheat signs."""
        account = self._wallets.customer_of(signer)
        if account is None:
            return
        self._count(transfer, signer)
        certificate = self._objects.certificates.covering(signer, transfer.body.time, self._context.bank)
        if certificate is None or self._wallets.is_named(certificate.body.wallet):
            return
        for other_id in self._history.rivals(transfer, signer):
            other = self._objects.transfers.copy(other_id, signer)
            evidence = None if other is None else Evidence.of(transfer, other, certificate)
            if evidence is not None:
                self._wallets.revoke(account, Reason.CONFLICT, self.keep(evidence), certificate.body.wallet)
                return

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's, perhaps again: what it signed earlier counts from now on."""
        for txid in self._history.signed(key):
            copy = self._objects.transfers.copy(txid, key)
            if copy is not None:
                self.signature_came(copy, key)

    def _count(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Keep what a payment counts for."""
        device = self._wallets.device_of(signer)
        if isinstance(transfer.body.purpose, bytes) and device is not None:
            self._history.count(device, transfer)

    def forget(self, txid: bytes, body: Transfer) -> None:
        """A transfer that is kept no longer counts for nothing."""
        if isinstance(body.purpose, bytes):
            self._history.uncount(txid, body.purpose)

    def evidence(self, one: Signed[Transfer], other: Signed[Transfer], key: bytes) -> Evidence | None:
        """What two transfers that ``key`` signed prove, if anything: about this bank's own wallet where it is one."""
        certificate = self._objects.certificates.covering(key, one.body.time, self._context.bank)
        return None if certificate is None else Evidence.of(one, other, certificate)

    def foreign(self, one: Signed[Transfer], other: Signed[Transfer], key: bytes) -> Iterator[Evidence]:
        """What two transfers prove about wallets of other banks, one for each bank that certified the key: those that
        the policy does not name yet."""
        listed = self._context.trust.policy.revoked
        for bank in self._objects.certificates.banks_of(key):
            certificate = self._objects.certificates.covering(key, one.body.time, bank)
            if bank == self._context.bank or certificate is None:
                continue
            evidence = Evidence.of(one, other, certificate)
            if evidence is not None and listed.get(certificate.body.revocation_id) is not Reason.CONFLICT:
                yield evidence

    def keep(self, evidence: Evidence) -> bytes:
        """Store evidence; its name here."""
        return self._revocations.keep(evidence)

    # limits

    def expect(self, transfers: Sequence[Signed[Transfer]], signers: Collection[bytes]) -> None:
        """These are checked next, in this transaction: what each is checked by is read together."""
        self._objects.tokens.get_each([TokenRef(item.id, 0) for item in transfers])
        self._objects.requests.get_each(
            [item.body.purpose for item in transfers if isinstance(item.body.purpose, bytes)]
        )
        self._objects.certificates.prepare(signers)

    def check_limits(self, transfer: Signed[Transfer], certificate: Certificate) -> None:
        """Revoke the signer's wallet ids if the transfer, which stands, broke the limits it was signed under: those
        of ``certificate``, or of another one of the key that covers its time, and of the policy that came with it."""
        account = self._wallets.customer_of(certificate.key)
        if account is None or not self._leaves(transfer.body, account):
            return
        is_within = any(
            self._is_within(transfer, body, account) for body in self._bases(transfer, certificate)
        )
        if not (is_within and self._is_counted(transfer, certificate.key)):
            self._wallets.revoke(account, Reason.LIMITS)

    def _bases(self, transfer: Signed[Transfer], certificate: Certificate) -> Iterator[Certificate]:
        """What may have been signed under: whatever covers its time, this bank's own first; else ``certificate``."""
        key, time, is_covered = certificate.key, transfer.body.time, False
        for item in self._objects.certificates.in_force(key, time, self._context.bank):
            is_covered = True
            yield item.body
        if not is_covered:
            yield certificate

    def _leaves(self, body: Transfer, account: str) -> bool:
        """Whether money goes to somebody else: it was paid, or refreshed for a key that is not the customer's."""
        redemption = body.redemption
        return redemption is None or (
            isinstance(redemption, Refresh) and self._wallets.customer_of(redemption.owner) != account
        )

    def _is_within(self, transfer: Signed[Transfer], certificate: Certificate, account: str) -> bool:
        spending = self._spending(transfer, certificate, account)
        return any(_keeps(certificate, limits, spending) for limits in self._policies.allowed(certificate))

    def _spending(self, transfer: Signed[Transfer], certificate: Certificate, account: str) -> Spending:
        body, token = transfer.body, self._objects.tokens.get(TokenRef(transfer.id, 0))
        hop = None if token is None else token.hop
        if body.redemption is None:
            return Spending(
                paid=self._paid(transfer, certificate.key), transfer=body, hop=hop, time=body.time
            )
        # Nobody asked for it and no running total counts it, so it is counted here, as a payment would be.
        total = body.total + body.amount + self._refreshed_away(certificate, account)
        hop = None if hop is None else hop + 1
        return Spending(paid=body.amount, transfer=replace(body, total=total), hop=hop, time=body.time)

    def _refreshed_away(self, certificate: Certificate, account: str) -> int:
        """Tiyn that this key has had refreshed for others since its certificate was issued."""
        redeemed = self._history.redeemed(certificate.key)
        bodies = [body for txid in redeemed if (body := self._objects.transfers.body(txid)) is not None]
        return sum(
            body.amount for body in bodies if body.time >= certificate.issued and self._leaves(body, account)
        )

    def _paid(self, transfer: Signed[Transfer], key: bytes) -> int:
        """What the purse gave in answer to one request; a printed one may be answered often."""
        body = transfer.body
        device = self._wallets.device_of(key)
        if not isinstance(body.purpose, bytes) or device is None:
            return body.amount
        request = self._objects.requests.get(body.purpose)
        if request is None or request.body.is_printed:
            return body.amount
        return max(body.amount, self._history.given(device, body.purpose))

    def _is_counted(self, transfer: Signed[Transfer], key: bytes) -> bool:
        """Whether the running total never falls, and grows by what is paid, over all keys of the purse.

        Payments only: a redemption does not count, and a purse that is being recovered may state too little in one.
        """
        if transfer.body.redemption is not None:
            return True
        device = self._wallets.device_of(key)
        if device is None:
            return True
        below, above = self._history.neighbours(device, transfer.body.sequence)
        for earlier, later in ((self._body(below), transfer.body), (transfer.body, self._body(above))):
            if earlier is not None and later is not None:
                grown = 0 if later.purpose == earlier.purpose else later.amount
                if later.total < earlier.total + grown:
                    return False
        return True

    def _body(self, txid: bytes | None) -> Transfer | None:
        return None if txid is None else self._objects.transfers.body(txid)


def _keeps(certificate: Certificate, limits: Limits, spending: Spending) -> bool:
    try:
        check_payer(certificate, limits, spending)
    except Refusal:
        return False
    return True
