"""What the ledger and the bank say: reconciling, the account, a lost phone, and what is at risk."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.values import Busy, Trouble
from app.presenters.views.history import HistoryLine
from wallet.purse.view.balance import Balance


@dataclass(frozen=True, slots=True)
class Conflicted:
    """A contradiction that the ledger showed: which key signed twice."""

    code: str
    key: bytes
    wallet: bytes
    bank: str


@dataclass(frozen=True, slots=True)
class ReconcileView:
    """``verdicts``: name (settled, repeat, short, conflict, refused, waiting) and how many; ``losses``: lines of
    history, newest first, of which something is lost, whenever that was; ``expired``: tiyn that go back to the account
    as they have expired; ``clock``: what the device's clock says and what it should, where it is wrong."""

    is_done: bool = False
    busy: Busy | None = None
    verdicts: tuple[tuple[str, int], ...] = ()
    conflicts: tuple[Conflicted, ...] = ()
    losses: tuple[HistoryLine, ...] = ()
    expired: int = 0
    is_rolled_back: bool = False
    clock: tuple[int, int] | None = None
    refreshed: int = 0
    before: Balance | None = None
    after: Balance | None = None
    account: int | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class FundsView:
    """Between the account and the pocket. ``is_in``: funding; else defunding, which asks for the PIN."""

    is_in: bool = True
    typed: str = ""
    amount: int = 0
    account: int | None = None
    balance: Balance | None = None
    pin_length: int | None = None
    moved: int | None = None
    busy: Busy | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class LostView:
    """Reporting the account's other devices: ``amount`` (tiyn) and ``until`` as the bank knows them, ``amount`` None
    before it said so; ``pin_length`` None while no PIN is asked for; ``is_alone``: there is no other device."""

    amount: int | None = None
    until: int | None = None
    pin_length: int | None = None
    is_reported: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None
    is_alone: bool = False


@dataclass(frozen=True, slots=True)
class RiskView:
    """What would go with this device now, and until when; ``is_doubtful``: some of it may be spent already."""

    amount: int = 0
    unsettled: int = 0
    until: int | None = None
    is_doubtful: bool = False
    busy: Busy | None = None
    trouble: Trouble | None = None
