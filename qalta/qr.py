"""Messages as QR codes: frames, pictures of them, and texts out of pictures.

Pictures ask for Pillow, reading for a decoder (pyzbar, or zxing-cpp from the extra `zxing`); each is loaded when it is
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qalta._lazy import names

if TYPE_CHECKING:
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
    from wallet.transport.qr.picture import (
        Correction,
        Ground,
        frame_image,
        terminal,
        write_frames,
        write_gif,
        write_png,
    )
    from wallet.transport.qr.reader import (
        PictureError,
        PictureFault,
        Reader,
        ReaderMissing,
        best_reader,
        read_pictures,
    )

__all__ = [
    "DEFAULT_CHUNK",
    "SLOW_CHUNK",
    "Correction",
    "FrameEncoder",
    "FrameReceiver",
    "Ground",
    "Limits",
    "Outcome",
    "PictureError",
    "PictureFault",
    "Progress",
    "Reader",
    "ReaderMissing",
    "best_reader",
    "frame_image",
    "message_of",
    "read_pictures",
    "terminal",
    "write_frames",
    "write_gif",
    "write_png",
]

_ROOMS: Final = {
    "wallet.transport.qr.frames": (
        "DEFAULT_CHUNK",
        "SLOW_CHUNK",
        "FrameEncoder",
        "FrameReceiver",
        "Limits",
        "Outcome",
        "Progress",
        "message_of",
    ),
    "wallet.transport.qr.picture": (
        "Correction",
        "Ground",
        "frame_image",
        "terminal",
        "write_frames",
        "write_gif",
        "write_png",
    ),
    "wallet.transport.qr.reader": (
        "PictureError",
        "PictureFault",
        "Reader",
        "ReaderMissing",
        "best_reader",
        "read_pictures",
    ),
}

__getattr__, __dir__ = names(__name__, _ROOMS)
