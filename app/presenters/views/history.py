"""History: its lines, and through whose hands a payment came."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.values import Busy, Trouble
from app.presenters.views.common import Counterparty


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """``kind`` and ``state`` as in wallet.purse.view.history; ``sign`` +1 into the pocket, −1 out of it,
    and then ``amount``
    is what the pocket changed by; 0 neither. ``lost`` of it went to somebody else, and the claim for that is against
    the wallet ``claim``, where somebody is named."""

    id: bytes
    kind: str
    state: str
    at: int
    amount: int
    sign: int
    party: Counterparty | None
    memo: str
    code: str | None
    lost: int = 0
    claim: bytes = b""


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand of a chain: hop 0 is the central bank's issuance (``party`` None). ``is_own``: this wallet."""

    hop: int
    at: int
    amount: int
    wallet: bytes | None
    bank: str | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class HistoryView:
    """``chosen`` with its ``chain`` when one line is opened; ``can_show``: the payment, or the receipt of one that was
    received, can be shown again."""

    lines: tuple[HistoryLine, ...] = ()
    chosen: HistoryLine | None = None
    chain: tuple[Hand, ...] = ()
    can_show: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None
