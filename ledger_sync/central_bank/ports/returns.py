"""Money that came back: redemptions and refunds, each paid once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import TokenRef


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of a redemption: new tokens, or none where it went to the position of `bank` or came to nothing."""

    issuance: Signed[Issuance] | None
    value: int
    bank: str | None

    def credited(self, bank: str) -> int:
        """The tiyn of it that went to the position of `bank`."""
        return self.value if bank == self.bank else 0


@dataclass(frozen=True, slots=True)
class Refunded:
    """The bank to whose position a token's value (tiyn) went."""

    bank: str
    value: int


class Returns(Protocol):
    """By a redemption's id (32 bytes), and by token."""

    def redemption(self, txid: bytes) -> Paid | None: ...

    def keep_redemption(self, txid: bytes, paid: Paid) -> bool:
        """Whether there was none; its issuance is kept already."""

    def refund(self, ref: TokenRef) -> Refunded | None: ...

    def keep_refund(self, ref: TokenRef, refunded: Refunded) -> bool:
        """Whether there was none."""
