"""Payments by tap: holding two devices together until a payment is over, or its parts; devices by name.

A device's library (nfcpy from the extra `nfc`, pyscard from `pcsc`) is loaded when a device is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qalta._lazy import names

if TYPE_CHECKING:
    from wallet.flow.holding import Holding, HoldingStep, TapParticipant
    from wallet.tapping import PayeeTap, PayerTap
    from wallet.transport.nfc.blocks import Nothing, Pending
    from wallet.transport.nfc.card import Card
    from wallet.transport.nfc.devices import open_card, open_reader
    from wallet.transport.nfc.loop import TapLoop
    from wallet.transport.nfc.ports import (
        CardDevice,
        Conversation,
        Deadline,
        DeviceError,
        LinkLost,
        ReaderDevice,
        ReaderLink,
        Responder,
        TappedWallet,
        Trouble,
    )
    from wallet.transport.nfc.serving import Serving
    from wallet.transport.nfc.tap import TapEnd, Tapper

__all__ = [
    "Card",
    "CardDevice",
    "Conversation",
    "Deadline",
    "DeviceError",
    "Holding",
    "HoldingStep",
    "LinkLost",
    "Nothing",
    "PayeeTap",
    "PayerTap",
    "Pending",
    "ReaderDevice",
    "ReaderLink",
    "Responder",
    "Serving",
    "TapEnd",
    "TapLoop",
    "TapParticipant",
    "TappedWallet",
    "Tapper",
    "Trouble",
    "open_card",
    "open_reader",
]

_ROOMS: Final = {
    "wallet.flow.holding": (
        "Holding",
        "HoldingStep",
        "TapParticipant",
    ),
    "wallet.tapping": (
        "PayeeTap",
        "PayerTap",
    ),
    "wallet.transport.nfc.blocks": (
        "Nothing",
        "Pending",
    ),
    "wallet.transport.nfc.card": ("Card",),
    "wallet.transport.nfc.devices": (
        "open_card",
        "open_reader",
    ),
    "wallet.transport.nfc.loop": ("TapLoop",),
    "wallet.transport.nfc.ports": (
        "CardDevice",
        "Conversation",
        "Deadline",
        "DeviceError",
        "LinkLost",
        "ReaderDevice",
        "ReaderLink",
        "Responder",
        "TappedWallet",
        "Trouble",
    ),
    "wallet.transport.nfc.serving": ("Serving",),
    "wallet.transport.nfc.tap": (
        "TapEnd",
        "Tapper",
    ),
}

__getattr__, __dir__ = names(__name__, _ROOMS)
