"""Which limits of the policy a wallet had from this bank when it signed.

Rule: a certificate comes with the newest policy, and whoever signs under it has got both. So a payer is judged by the
certificate and by that policy or a later one, whichever is kindest: it may have heard of the later one, and no clock
says when. What it was given before that says nothing, for every later one replaces it.
"""

from __future__ import annotations

from collections.abc import Sequence

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

    def allowed(self, certificates: Sequence[Certificate]) -> list[Sequence[Limits]]:
        """For each of these: the limits that a wallet may have gone by when it signed under it."""
        bank = self._context.bank
        own = self._wallets.get_each({one.wallet for one in certificates if one.bank == bank})
        if own and not self._is_followed([known.policy for known in own.values()]):
            self.follow()
        found: dict[tuple[Limits, int | None], Sequence[Limits]] = {}
        allowed: list[Sequence[Limits]] = []
        for one in certificates:
            certified = own.get(one.wallet) if one.bank == bank else None
            number = certified.policy if certified is not None and certified.key == one.key else None
            if (one.limits, number) not in found:
                found[one.limits, number] = self._since(one, number)
            allowed.append(found[one.limits, number])
        return allowed

    def _is_followed(self, numbers: Sequence[int | None]) -> bool:
        """Whether the newest limits since these numbers, which are looked up in any case, are still the policy's."""
        least = min((number for number in numbers if number is not None), default=None)
        limits = [] if least is None else self._wallets.limits_since(least)
        return limits[-1:] == [self._context.trust.policy.head.limits]

    def _since(self, certificate: Certificate, number: int | None) -> Sequence[Limits]:
        if number is None:
            return [certificate.limits]
        return [effective(certificate, limits) for limits in self._wallets.limits_since(number)]
