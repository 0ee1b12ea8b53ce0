"""Paying: who asks for what, what the limits leave, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.engine.values import Busy, Role, TapStep, Trouble
from app.presenters.views.carrying import NOTHING_SEEN, Carrier, Scanning, Shown
from app.presenters.views.common import Counterparty
from wallet.purse.view.outlook import Allowance
from wallet.session import Money


class PayStep(Enum):
    SEEK = "seek"
    """Scan or tap for a request (or for the receipt of an earlier payment)."""
    ASKED = "asked"
    """Whom, how much, which limits; an open amount is typed here, an earlier payment to a printed code asked about."""
    PIN = "pin"
    SIGNING = "signing"
    SHOWING = "showing"
    PAID = "paid"
    RETURNED = "returned"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A payment to the same printed code, or as much to the same payee a moment ago, that has no receipt."""

    id: bytes
    amount: int
    at: int


@dataclass(frozen=True, slots=True)
class PayView:
    """``amount`` None while it is still to be typed, up to ``ceiling``. ``money``: where the money is now. ``shown``:
    the payment, from its signature on; only PAID says that the payee has it, at ``receipt_at``. RETURNED and DROPPED
    say why in ``trouble``. ``alike``: as much was signed for this payee a moment ago and has no receipt; perhaps that
    is what is asked for anew. ``wait_until`` while the keystore takes no PIN."""

    step: PayStep = PayStep.SEEK
    carrier: Carrier = Carrier.QR
    scanning: Scanning = NOTHING_SEEN
    tap: TapStep | None = None
    role: Role | None = None
    party: Counterparty | None = None
    amount: int | None = None
    ceiling: int | None = None
    typed: str = ""
    memo: str = ""
    expires: int | None = None
    room: Allowance | None = None
    earlier: tuple[Earlier, ...] = ()
    alike: tuple[Earlier, ...] = ()
    pin_length: int = 0
    wait_until: int | None = None
    shown: Shown | None = None
    receipt_at: int | None = None
    money: Money = Money.UNTOUCHED
    busy: Busy | None = None
    trouble: Trouble | None = None
