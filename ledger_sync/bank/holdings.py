"""What a purse holds as far as its bank can see: what counts against the balance limit when it is funded.

Rule: a purse is one device's keys at this bank. Its tokens count until something that the ledger knows consumes them
or their refund is due, and its open fundings with them; what it received offline and has not brought is not seen.
"""

from __future__ import annotations

from ledger_sync.bank.house import House
from wallet.protocol.lifetime import refundable_before
from wallet.protocol.limits import Commitments

_DEVICE = "(select device from wallets where key = ?2 and customer = ?1 limit 1)"
_HELD = (
    "select coalesce(sum(coalesce(t.value, t.amount)), 0) from unspent u"
    " join tokens t on t.origin = u.origin and t.output = u.output"
    f" where u.device = {_DEVICE} and u.expires >= ?3"
    " and not exists (select 1 from inputs i join transfers x on x.id = i.transfer"
    " where i.origin = t.origin and i.output = t.output and x.stage in ('valid', 'committed'))"
)
_FUNDED = (
    "select coalesce(sum(f.amount), 0) from fundings f where f.customer = ?1 and f.stage = 'debited'"
    f" and (select device from wallets where key = f.owner limit 1) = {_DEVICE}"
)


class Holdings:
    """Reads what is unspent; changes nothing."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store = house.store

    def of(self, account: str, key: bytes) -> Commitments:
        """Of the purse of ``account`` that ``key`` belongs to."""
        over = refundable_before(self._house.clock(), self._house.trust.policy.head.grace)
        held = self._store.value(_HELD, (account, key, over))
        fundings = self._store.value(_FUNDED, (account, key))
        return Commitments(held=int(held), fundings=int(fundings))
