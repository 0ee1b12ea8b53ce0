"""Receiving: what is asked for, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.engine.values import Busy, Role, TapStep, Trouble
from app.presenters.views.carrying import NOTHING_SEEN, Carrier, Scanning, Shown


class ReceiveStep(Enum):
    AMOUNT = "amount"
    ASKING = "asking"
    RECEIVED = "received"
    RECEIPT = "receipt"
    """The receipt of an earlier payment, shown again."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReceiveView:
    """``typed`` as the keypad made it ("1250,50"); ``amount`` its tiyn, or what is asked for. ``received`` and ``hop``
    once money came, ``repeat_of`` if it was here already: then it is no new money. ``is_for_other``: it answered an
    earlier request, and ``amount`` is still asked for; as a printed code always is (``ask_on``). REFUSED: the payment
    goes back to the payer, ``trouble`` says why."""

    step: ReceiveStep = ReceiveStep.AMOUNT
    typed: str = ""
    amount: int = 0
    is_open: bool = False
    is_printed: bool = False
    memo: str = ""
    carrier: Carrier = Carrier.QR
    shown: Shown | None = None
    expires: int | None = None
    scanning: Scanning = NOTHING_SEEN
    tap: TapStep | None = None
    role: Role | None = None
    received: int = 0
    hop: int = 0
    repeat_of: int | None = None
    is_for_other: bool = False
    receipt: Shown | None = None
    can_print: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None
