"""The fork watch: what a bank looks for in the transfers of the wallets that it has certified.

Rule: two signed transfers of one key that consume one token, or bear one sequence number, are evidence, whoever
brought them and whether or not their provenance is known; the customer's wallet ids are revoked. Gaps in sequence
numbers prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.wallets.wallets import Wallets
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Transfer


class ForkWatch:
    """Watches the keys of this bank's customers. Works within the caller's transaction."""

    def __init__(self, context: BankContext, objects: Archive, wallets: Wallets) -> None:
        self._context = context
        self._history = context.storage.signing_history
        self._revocations = context.storage.revocations
        self._objects = objects
        self._wallets = wallets

    def signatures_came(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None:
        """Compare newly seen signatures with the others of their keys: one contradiction names its wallet, and what
        a named wallet signs later is compared no more. So evidence does not grow with what a cheat signs."""
        holders = self._wallets.holders({signer for _, signer in copies})
        own = [(transfer, signer) for transfer, signer in copies if signer in holders]
        self._history.count(
            [(holders[key].device, made) for made, key in own if isinstance(made.body.purpose, bytes)]
        )
        rivals = self._history.rivals(own)
        for transfer, signer in own:
            if (transfer.id, signer) in rivals:
                self._compare(transfer, signer, rivals[transfer.id, signer], holders[signer].account)

    def _compare(
        self, transfer: Signed[Transfer], signer: bytes, rivals: Sequence[bytes], account: str
    ) -> None:
        certificate = self._objects.certificates.covering(signer, transfer.body.time, self._context.bank)
        if certificate is None or self._wallets.is_named(certificate.body.wallet):
            return
        for other_id in rivals:
            other = self._objects.transfers.copy(other_id, signer)
            evidence = None if other is None else Evidence.of(transfer, other, certificate)
            if evidence is not None:
                self._wallets.revoke(account, Reason.CONFLICT, self.keep(evidence), certificate.body.wallet)
                return

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's, perhaps again: what it signed earlier counts from now on."""
        copies = (self._objects.transfers.copy(txid, key) for txid in self._history.signed(key))
        self.signatures_came([(copy, key) for copy in copies if copy is not None])

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
