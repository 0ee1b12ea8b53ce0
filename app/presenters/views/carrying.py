"""How messages travel, by code and by tap, as receiving and paying both show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from app.presenters.views.common import Counterparty


class Carrier(Enum):
    QR = "qr"
    TAP = "tap"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message to show as a code: ``message`` is what the frames are made of."""

    message: bytes
    is_still: bool


class CodeKind(Enum):
    """What a code says that it is; UNKNOWN until enough of it was read."""

    REQUEST = "request"
    PAYMENT = "payment"
    RECEIPT = "receipt"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class InView:
    """One of several codes in view, as it says of itself: a request's payee and ``amount`` (tiyn)."""

    kind: CodeKind = CodeKind.UNKNOWN
    party: Counterparty | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Scanning:
    """What the camera is doing: ``rank`` of ``needed`` parts; ``is_seeing``: a picture came; ``camera_trouble``: a name
    of the catalogue where there is no camera. ``several``: the codes in view, where they are of more than one message,
    and none of them is taken."""

    is_seeing: bool = False
    rank: int = 0
    needed: int = 0
    camera_trouble: str | None = None
    several: tuple[InView, ...] = ()


NOTHING_SEEN: Final = Scanning()
"""Before the camera looks."""
