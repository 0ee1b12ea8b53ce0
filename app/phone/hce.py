"""An Android phone as the card of a tap: the wallet's side of `kz.qalta.hce.ApduMailbox`, behind the port
``CardDevice``.

Rule: pyjnius is imported by ``android_mailbox`` alone, which only a phone calls; what is here besides is
tried anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from wallet.transport.nfc.ports import Deadline, DeviceError, Trouble

NAME: Final = "hce"
"""The device's name in the settings."""
_LOOK: Final = 50
"""Milliseconds between two looks at the deadline."""
_FEATURE: Final = "android.hardware.nfc.hce"


class Call(Protocol):
    """``apdu``: signed or unsigned bytes, as pyjnius gives them; None is the end of the tap."""

    @property
    def apdu(self) -> Any: ...


class ApduMailbox(Protocol):
    """The Java object, by the names that pyjnius gives it."""

    def attach(self) -> None: ...

    def detach(self) -> None: ...

    def take(self, milliseconds: int) -> Call | None: ...

    def answer(self, response: bytes) -> None: ...


class HceCard:
    """A ``CardDevice``. The service answers for it by PENDING as long as nobody serves."""

    def __init__(self, mailbox: ApduMailbox) -> None:
        self._mailbox = mailbox

    def serve(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> bool:
        """As the port says. What ``answer`` raises ends it; the reader is told to ask again."""
        self._mailbox.attach()
        try:
            while deadline.left() > 0:
                call = self._mailbox.take(_LOOK)
                if call is None:
                    continue
                if call.apdu is None:
                    return True
                self._mailbox.answer(answer(_unsigned(call.apdu)))
            return False
        finally:
            self._mailbox.detach()


def _unsigned(raw: Any) -> bytes:
    """Java's bytes run from -128 to 127."""
    return bytes(byte & 0xFF for byte in raw)


def android_mailbox() -> ApduMailbox:
    """The mailbox of this process. ``DeviceError``: PACKAGE_MISSING (no pyjnius: this is no phone), NO_CARD_SIDE."""
    try:
        from jnius import autoclass
    except ImportError as error:
        raise DeviceError(Trouble.PACKAGE_MISSING, NAME) from error
    activity = autoclass("org.kivy.android.PythonActivity").mActivity
    if not activity.getPackageManager().hasSystemFeature(_FEATURE):
        raise DeviceError(Trouble.NO_CARD_SIDE, NAME)
    return cast(ApduMailbox, autoclass("kz.qalta.hce.ApduMailbox").MAILBOX)
