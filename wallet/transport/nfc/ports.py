"""What the parts of a tap need of each other: links that carry APDUs, and the wallet behind the pipe.

Rule: a link knows nothing of what it carries; one tap has one deadline and one error for a lost link. Every device
maps its own exceptions to the two here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wallet.transport.nfc.blocks import Nothing, Pending


class LinkLost(Exception):
    """The other device is out of reach. What was sent may or may not have arrived: tap again, and go on."""


class Trouble(StrEnum):
    """Why a device cannot be used."""

    NOT_FOUND = "not_found"
    BUSY = "busy"
    NOT_ALLOWED = "not_allowed"
    PACKAGE_MISSING = "package_missing"
    LIBRARY_MISSING = "library_missing"
    SERVICE_STOPPED = "service_stopped"
    NO_CARD_SIDE = "no_card_side"
    DEVELOPER_ONLY = "developer_only"
    NAME_UNKNOWN = "name_unknown"


class DeviceError(Exception):
    """The reader ``device`` (as configured) cannot be used."""

    def __init__(self, trouble: Trouble, device: str) -> None:
        super().__init__(f"{trouble.value}: {device}")
        self.trouble = trouble
        self.device = device


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a tap must be over: ``at`` on ``clock`` (seconds, monotonic); at once when ``cancelled`` says so."""

    clock: Callable[[], float]
    at: float
    cancelled: Callable[[], bool] = _never

    def left(self) -> float:
        """Seconds left, 0 when it is over."""
        return 0.0 if self.cancelled() else max(0.0, self.at - self.clock())


class ReaderLink(Protocol):
    """One card in the field."""

    def transceive(self, command: bytes) -> bytes:
        """One APDU there, its answer back. Raises ``LinkLost``."""


class ReaderDevice(Protocol):
    """A reader that waits for cards."""

    def tap(self, deadline: Deadline) -> AbstractContextManager[ReaderLink | None]:
        """The next card that comes, for the length of the context; None if nobody came in time. Raises
        ``DeviceError``."""


class CardDevice(Protocol):
    """A device that can be the card."""

    def serve(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> bool:
        """Give ``answer``'s answers to the next reader that comes until it goes; whether one came. Raises
        ``DeviceError``."""


Reply = bytes | Nothing | Pending
"""What a wallet says: a whole message, nothing, or that a person decides."""


class Responder(Protocol):
    """The wallet behind a card. Its answers are durable before they are given, and the same when asked again."""

    def current_message(self, ref: bytes) -> Reply:
        """What it has for the request ``ref`` (16 bytes), or at all (empty)."""

    def take(self, message: bytes) -> Reply:
        """What it says to a whole message, whoever sent it."""


class Conversation(Protocol):
    """The wallet behind a reader. It outlives taps."""

    @property
    def ref(self) -> bytes:
        """The request that it is about, 16 bytes; empty as long as there is none."""

    @property
    def introduces(self) -> bool:
        """What stands is a request: it may be handed to a wallet that knows nothing of it."""

    @property
    def is_over(self) -> bool: ...

    @property
    def waits_for_person(self) -> bool:
        """Nothing can be said before the person here decides."""

    def to_send(self) -> bytes | None:
        """The message that stands; None while there is none."""

    def take(self, message: bytes) -> Reply:
        """What it says to a whole message from the other side, whoever that is."""

    def delivered(self, message: bytes) -> None:
        """The other side has answered to ``message``, or has nothing to say to it."""


class TappedWallet(Conversation, Responder, Protocol):
    """A wallet that may be behind either end."""
