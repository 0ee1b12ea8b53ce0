"""Home: the pocket, and what is to be gone on with."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.values import Busy, Trouble
from app.presenters.views.common import Counterparty
from wallet.purse.view.balance import Balance


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A payment or request to go on with. ``is_signed``: the money is the payee's already; else sign it or drop it."""

    id: bytes
    is_payment: bool
    amount: int
    party: Counterparty | None
    at: int
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class HomeView:
    """``hops_left``: of the money that can be spent, how often the most worn may still change hands; ``expires``: when
    the first of it expires; ``offline_since``: the last reconciling."""

    holder: str = ""
    bank: str = ""
    balance: Balance | None = None
    account: int | None = None
    hops_left: int | None = None
    expires: int | None = None
    offline_since: int | None = None
    is_network_on: bool = True
    is_rolled_back: bool = False
    unfinished: tuple[Unfinished, ...] = ()
    busy: Busy | None = None
    trouble: Trouble | None = None
