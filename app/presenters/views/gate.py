"""The first start, and unlocking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.engine.values import Busy, Trouble


class StartStep(Enum):
    WELCOME = "welcome"
    """What offline money is, in three sentences; choose the language."""
    HOLDER = "holder"
    """Name, person or shop, which bank, enrolment code."""
    PIN = "pin"
    PIN_AGAIN = "pin_again"
    MAKING = "making"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StartView:
    """``banks``: ids to choose from in a sandbox; empty where a real bank's address and code are asked for."""

    step: StartStep = StartStep.WELCOME
    banks: tuple[str, ...] = ()
    bank: str = ""
    holder: str = ""
    is_merchant: bool = False
    pin_length: int = 0
    busy: Busy | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class UnlockView:
    """``tries_left`` before the next wait; ``wait_until`` while the keystore takes no PIN."""

    holder: str = ""
    pin_length: int = 0
    tries_left: int | None = None
    wait_until: int | None = None
    busy: Busy | None = None
    trouble: Trouble | None = None
    is_open: bool = False
