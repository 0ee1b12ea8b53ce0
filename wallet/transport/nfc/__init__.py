"""Messages by tap: APDUs between a reader and a card, each of which may be payer or payee; `SPEC.md` beside this file
says how, byte by byte.

Rule: importing this package imports no reader's library and opens no device; `devices` opens what a name means.
"""

from wallet.transport.nfc.card import Card
from wallet.transport.nfc.mailbox import Mailbox
from wallet.transport.nfc.ports import (
    CardDevice,
    Deadline,
    DeviceError,
    LinkLost,
    ReaderDevice,
    ReaderLink,
    Trouble,
)
from wallet.transport.nfc.serving import Serving
from wallet.transport.nfc.tap import TapEnd, Tapper

__all__ = [
    "Card",
    "CardDevice",
    "Deadline",
    "DeviceError",
    "LinkLost",
    "Mailbox",
    "ReaderDevice",
    "ReaderLink",
    "Serving",
    "TapEnd",
    "Tapper",
    "Trouble",
]
