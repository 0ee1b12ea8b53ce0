"""A message as one QR code or as an endless animation of them; `SPEC.md` beside this file says how, byte by
byte.

Rule: importing this package imports no picture library; `picture` and `reader` are imported by name where
needed.
"""

from wallet.transport.qr.frames import (
    DEFAULT_CHUNK,
    SLOW_CHUNK,
    FrameEncoder,
    FrameReceiver,
    Limits,
    Outcome,
    Progress,
    message_of,
)

__all__ = [
    "DEFAULT_CHUNK",
    "SLOW_CHUNK",
    "FrameEncoder",
    "FrameReceiver",
    "Limits",
    "Outcome",
    "Progress",
    "message_of",
]
