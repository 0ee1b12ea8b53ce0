"""Which device taps go through: `--device`, else QALTA_NFC, else whatever is there; and what is said where it fails.

Rule: the simulated devices (`udp:`, `vpcd:`) are for developers and need QALTA_DEVELOPER=1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.offline import NETWORK
from app.cli.status import MissingPart
from wallet.transport.nfc import CardDevice, DeviceError, ReaderDevice

AUTO = "auto"


def device_name(asked: str | None) -> str:
    """The device to use, as `wallet.transport.nfc.devices` names it."""
    return asked or os.environ.get("QALTA_NFC") or AUTO


def is_developer() -> bool:
    return os.environ.get("QALTA_DEVELOPER") == "1"


@contextmanager
def reader(name: str) -> Iterator[ReaderDevice]:
    """The device as a reader. MissingPart where it cannot be used, or stops working inside."""
    from wallet.transport.nfc.devices import open_reader

    with _working(name):
        yield open_reader(name, developer=is_developer())


@contextmanager
def card(name: str) -> Iterator[CardDevice]:
    """The device as the card. MissingPart where it cannot be used, or stops working inside."""
    from wallet.transport.nfc.devices import open_card

    with _working(name):
        yield open_card(name, developer=is_developer())


@contextmanager
def _working(name: str) -> Iterator[None]:
    with NETWORK.radio_over_loopback(name.startswith("udp:") and is_developer()):
        try:
            yield
        except DeviceError as error:
            raise MissingPart(f"nfc.trouble_{error.trouble.value}", device=error.device) from error
