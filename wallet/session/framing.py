"""Messages over a carrier that cuts: a four-byte length before each, so that any cut gives the same messages.

Rule: a length is judged before a byte of its message is kept. Carriers that keep messages whole (QR, loopback)
need none of this.
"""

from __future__ import annotations

from typing import Final

from wallet.protocol.bounds import MAX_MESSAGE_BYTES
from wallet.protocol.codes import Code, Refusal, require

LENGTH_BYTES: Final = 4


def frame(message: bytes) -> bytes:
    """``message`` with its length, big-endian, before it. Raises ``Refusal``: MALFORMED (empty), TOO_LARGE."""
    _check_length(len(message))
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


class Deframer:
    """Gathers the pieces of one stream; holds at most one unfinished message."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._broken: Refusal | None = None

    def receive(self, piece: bytes) -> list[bytes]:
        """The messages that ``piece`` completes, in order; often none.

        Raises ``Refusal``: MALFORMED (an empty message is announced), TOO_LARGE; what was complete before is given
        first, and the refusal raised by the next call. Nothing after a bad length can be read: close the stream.
        """
        messages: list[bytes] = []
        if self._broken is None:
            self._gather(memoryview(piece), messages)
        if self._broken is not None and not messages:
            raise self._broken
        return messages

    def _gather(self, piece: memoryview, messages: list[bytes]) -> None:
        while True:
            piece = self._take(piece, LENGTH_BYTES)
            if len(self._held) < LENGTH_BYTES:
                return
            length = int.from_bytes(self._held[:LENGTH_BYTES], "big")
            try:
                _check_length(length)
            except Refusal as refusal:
                self._broken = refusal
                self._held.clear()
                return
            piece = self._take(piece, LENGTH_BYTES + length)
            if len(self._held) < LENGTH_BYTES + length:
                return
            messages.append(bytes(self._held[LENGTH_BYTES:]))
            self._held.clear()

    def _take(self, piece: memoryview, size: int) -> memoryview:
        """Move bytes from ``piece`` until ``size`` are held; what is left of ``piece``."""
        missing = max(0, size - len(self._held))
        self._held += piece[:missing]
        return piece[missing:]


def _check_length(length: int) -> None:
    require(length > 0, Code.MALFORMED, bytes=length)
    require(length <= MAX_MESSAGE_BYTES, Code.TOO_LARGE, bytes=length, limit=MAX_MESSAGE_BYTES)
