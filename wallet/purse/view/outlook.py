"""How far the money in the pocket goes: what limits leave, hops, expiry, since when no ledger was asked, and what is
under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wallet.protocol.limits import effective, hops_left, last_day, total_left
from wallet.purse.pay.selection import Candidate
from wallet.purse.pay.spendable import Spendable
from wallet.purse.purse import Purse
from wallet.purse.store.payments import OPEN, Payments, PaymentSummary

RECONCILED: Final = "reconciled"
"""The fact that says when the last whole reconciling ended, unix seconds."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Tiyn that the limits leave: ``spendable`` is there, ``payment`` may go at once, ``total`` before the wallet has
    to reconcile; reconciling earlier does not always raise it, as an epoch lasts a day."""

    spendable: int
    payment: int
    total: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """``hops_left``: how often the most worn spendable token may still change hands; ``expires``: when the first of
    them can be spent offline no more, as it expires itself, or its certificate or that one's days do;
    ``offline_since``: the last reconciling, or else when the certificate was given. None where there is nothing to
    say it of."""

    hops_left: int | None
    expires: int | None
    offline_since: int | None


class Forecast:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._spendable = Spendable(purse)
        self._payments = Payments(purse.store, purse.objects)

    def room(self) -> Allowance | None:
        """None before the first certificate."""
        purse, current = self._purse, self._purse.epochs.current()
        if current is None:
            return None
        own = current.body
        limits = effective(own, purse.authority.policy.head.limits)
        left = total_left(own, limits, purse.outgoing.total())
        return Allowance(self._spendable.funds().spendable, limits.payment, left)

    def outlook(self) -> Outlook:
        """Forecast for the money that can be spent now: least hops and earliest expiry over its tokens (None where
        there are none), and unix seconds since when no ledger was asked (None: never)."""
        purse, current = self._purse, self._purse.epochs.current()
        reconciled = purse.store.fact(RECONCILED)
        since = current.body.issued if current is not None and reconciled is None else reconciled
        since = None if since is None else min(since, purse.now())
        candidates = self._spendable.funds().candidates if current is not None else ()
        if not candidates:
            return Outlook(None, None, since)
        left = [self._left(item) for item in candidates]
        return Outlook(min(hops for hops, _ in left), min(expires for _, expires in left), since)

    def _left(self, item: Candidate) -> tuple[int, int]:
        """The hops that a spendable token may still make, and until when it can be spent."""
        signer = self._purse.epochs.certificate_for(item.owner, self._purse.now())
        if signer is None:
            return 0, item.expires
        body, limits = signer.body, effective(signer.body, self._purse.authority.policy.head.limits)
        return hops_left(limits, item.hop), min(item.expires, body.expires, last_day(body, limits))

    def unfinished(self) -> tuple[PaymentSummary, ...]:
        """Payments to go on with, oldest first: intents without signature, and what was signed, has no receipt, and
        that the ledger has not decided (then it is the payee's, whether it was ever seen or not)."""
        return tuple(
            item for item in self._payments.in_states(*OPEN) if not self._payments.is_decided(item.id)
        )
