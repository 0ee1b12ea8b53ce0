"""What the engine tells whoever shows it: work under way, a refusal, and how a tap goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from wallet.protocol.codes import Fact


@dataclass(frozen=True, slots=True)
class Trouble:
    """A refusal: ``code`` is of the catalogue's [code] table."""

    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Busy:
    """Work under way off the window's thread. ``step`` is a name of the catalogue ("sync.upload"); ``done`` of
    ``total`` where it can be counted."""

    step: str
    done: int = 0
    total: int = 0


class Role(Enum):
    """Which side of a tap this device is."""

    READER = "reader"
    CARD = "card"


class TapStep(Enum):
    """What the person holding the device should do."""

    WAITING = "waiting"
    NOBODY = "nobody"
    """Waiting for long. Two devices that both read, or are both cards, never meet: one of them changes sides."""
    HOLD_STILL = "hold_still"
    TAP_AGAIN = "tap_again"
    OTHER_DECIDES = "other_decides"
    OTHER_WALLET = "other_wallet"
