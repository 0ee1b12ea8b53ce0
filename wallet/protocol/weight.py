"""How much a transfer may weigh at the ledger: itself and all that it descends from, by payloads alone.

Rule: whatever settles can also be proved, delivered, redeemed and refunded, so everyone has the same bound, and it is
made of the others': a bundle carries any provenance within it with its signatures and certificates, a proof the
notary's word on every token in it. What leaves money offline stays so far below that each of its outputs can still be
redeemed. Every payment that is legal between wallets is below it by far. SPEC 9.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol.bundle import (
    MAX_BUNDLE_ITEMS,
    MAX_PROVENANCE_BYTES,
    PROVENANCE_ITEM_BYTES,
    REDEMPTION_BYTES,
)
from wallet.protocol.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Weight:
    """Of a provenance, each object counted once: ``payloads`` in bytes."""

    transfers: int
    issuances: int
    payloads: int

    @property
    def bytes(self) -> int:
        """With what header and signature add to each."""
        return self.payloads + (self.transfers + self.issuances) * PROVENANCE_ITEM_BYTES

    def and_transfer(self, payload: int) -> Weight:
        """With one more transfer on top, of ``payload`` bytes."""
        return Weight(self.transfers + 1, self.issuances, self.payloads + payload)


def leaves_money(body: Transfer) -> bool:
    """Whether an output of it can be spent: it is a payment, or a redemption with change."""
    return body.redemption is None or body.change > 0


def fits(weight: Weight, *, leaves: bool) -> bool:
    """Whether the ledger takes a transfer that weighs this with its whole provenance; ``leaves`` as `leaves_money`."""
    room = REDEMPTION_BYTES if leaves else 0
    most = MAX_BUNDLE_ITEMS - (1 if leaves else 0)
    return (
        weight.transfers <= most
        and weight.issuances <= MAX_BUNDLE_ITEMS
        and weight.bytes <= MAX_PROVENANCE_BYTES - room
    )
