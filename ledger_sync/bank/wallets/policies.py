"""Which limits of the policy a wallet had from this bank when it signed.

Rule: a certificate comes with the newest policy, and whoever signs under it has got both. So a payer is judged by the
certificate and by that policy or a later one, whichever is kindest: it may have heard of the later one, and no clock
says when. What it was given before that says nothing, for every later one replaces it.
"""

from __future__ import annotations

from ledger_sync.bank.context import BankContext
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.limits import effective


class Policies:
    """Notes the limits of policies as they change. Works within the caller's transaction, if there is one."""

    def __init__(self, context: BankContext) -> None:
        self._context = context
        self._wallets = context.storage.wallets

    def follow(self) -> None:
        """Note the newest policy's limits, where they have changed."""
        self.note(self._context.trust.policy.head.limits)

    def note(self, limits: Limits) -> int:
        """The number of these limits, the newest that were given; the same while they stay the same."""
        return self._wallets.note_limits(limits)

    def allowed(self, certificate: Certificate) -> list[Limits]:
        """Each of the limits that a wallet may have gone by when it signed under ``certificate``."""
        certified = self._wallets.get(certificate.wallet) if certificate.bank == self._context.bank else None
        if certified is None or certified.key != certificate.key or certified.policy is None:
            return [certificate.limits]
        self.follow()
        return [effective(certificate, limits) for limits in self._wallets.limits_since(certified.policy)]
