"""Settings, and changing the PIN."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.engine.values import Busy, Trouble


class Look(Enum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Pace(Enum):
    """How fast the animation runs and how dense it is."""

    SLOW = "slow"
    NORMAL = "normal"


class TapReader(Enum):
    """Whose device reads at a tap; the other side's is the card. Both wallets need the same."""

    PAYEE = "payee"
    PAYER = "payer"


class PinStep(Enum):
    """Changing the PIN."""

    NONE = "none"
    OLD = "old"
    NEW = "new"
    AGAIN = "again"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class SettingsView:
    """Kept beside the wallet and applied live. ``camera`` and ``reader`` are device names (see `qalta app --help`)."""

    language: str = "en"
    look: Look = Look.SYSTEM
    is_large: bool = False
    pace: Pace = Pace.NORMAL
    camera: str = "0"
    cameras: tuple[str, ...] = ()
    reader: str = "auto"
    readers: tuple[str, ...] = ()
    tap_reader: TapReader = TapReader.PAYEE
    pin_step: PinStep = PinStep.NONE
    pin_length: int = 0
    busy: Busy | None = None
    trouble: Trouble | None = None
