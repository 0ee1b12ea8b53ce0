"""What a purse holds as far as its bank can see: what counts against the balance limit when it is funded.

Rule: a purse is one device's keys at this bank. Its tokens count until something that the ledger knows consumes them
or their refund is due, and its open fundings with them; what it received offline and has not brought is not seen.
"""

from __future__ import annotations

from ledger_sync.bank.house import House
from wallet.protocol.lifetime import refundable_before
from wallet.protocol.limits import Commitments

_KEYS = "select distinct key from wallets where customer = ?1 and device = (select device from wallets where key = ?2)"
_HELD = (
    "select coalesce(sum(coalesce(t.value, t.amount)), 0) from tokens t"
    f" where t.owner in ({_KEYS}) and t.expires >= ?3"
    " and not exists (select 1 from consumed c where c.origin = t.origin and c.output = t.output)"
    " and not exists (select 1 from inputs i join transfers x on x.id = i.transfer"
    " where i.origin = t.origin and i.output = t.output and x.stage in ('valid', 'committed'))"
)
_FUNDED = (
    "select coalesce(sum(amount), 0) from fundings"
    f" where customer = ?1 and stage = 'debited' and owner in ({_KEYS})"
)


class Holdings:
    """Reads the archive; changes nothing."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store = house.store

    def of(self, account: str, key: bytes) -> Commitments:
        """Of the purse of ``account`` that ``key`` belongs to."""
        over = refundable_before(self._house.clock(), self._house.trust.policy.head.grace)
        held = self._store.value(_HELD, (account, key, over))
        fundings = self._store.value(_FUNDED, (account, key))
        return Commitments(held=int(held), fundings=int(fundings))
