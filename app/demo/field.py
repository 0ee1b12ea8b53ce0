"""The space between a reader and a card of the simulated radio, so that the demo can take them apart once.

The reader sends its frames here, the card answers from its own port; both are datagrams on loopback, as nfcpy's UDP
driver writes them: ``106A`` and the frame in hexadecimal. Rule: frames pass as they are, or not at all.
"""

from __future__ import annotations

import select
import socket
import threading
from types import TracebackType
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_MOST: Final = 2_048
_WAKE: Final = 0.1
_SENS_REQ: Final = b"106A 26"
"""With this a reader looks for a card: a new tap."""
_RF_OFF: Final = b"RFOFF"
_LONG: Final = 2 * 200
"""Hexadecimal digits: a frame longer than 200 bytes is a piece of a long message."""


class Field:
    """``reader`` and ``card`` are the devices' names. The link is lost once, at the card's ``cut_at``-th long frame
    (from 1); the next tap goes through. ``cuts``: how often it was lost. ``near``: as long as it is clear, devices that
    were taken apart stay so, and what the reader sends meets no card."""

    def __init__(self, cut_at: int) -> None:
        self.cuts = 0
        self.near = threading.Event()
        self.near.set()
        self._cut_at: int | None = cut_at
        self._long = 0
        self._is_apart = False
        self._near, self._far = _socket(), _socket()
        with _socket() as spare:
            self._card = spare.getsockname()
        self._reader: tuple[str, int] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nfc-field", daemon=True)

    @property
    def reader(self) -> str:
        return f"udp:{_HOST}:{self._near.getsockname()[1]}"

    @property
    def card(self) -> str:
        return f"udp:{_HOST}:{self._card[1]}"

    def cut(self, at: int) -> None:
        """Once more, at the ``at``-th long frame from now."""
        self._long, self._cut_at = 0, at

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        self._near.close()
        self._far.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._near, self._far], [], [], _WAKE)
            for end in ready:
                frame, sender = _received(end)
                if end is self._near and frame:
                    self._from_reader(frame, sender)
                elif frame:
                    self._from_card(frame)

    def _from_reader(self, frame: bytes, sender: tuple[str, int]) -> None:
        if frame == _SENS_REQ and self.near.is_set():
            self._is_apart = False
        self._reader = sender
        if not self._is_apart:
            self._far.sendto(frame, self._card)

    def _from_card(self, frame: bytes) -> None:
        self._long += len(frame) > _LONG
        if self._long == self._cut_at:
            self.cuts, self._cut_at, self._is_apart = self.cuts + 1, None, True
            self._far.sendto(_RF_OFF, self._card)
        if not self._is_apart and self._reader is not None:
            self._near.sendto(frame, self._reader)


def _socket() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((_HOST, 0))
    return end


def _received(end: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """A frame and who sent it; an empty one where the other end is not there yet."""
    try:
        frame, sender = end.recvfrom(_MOST)
    except ConnectionError:
        return b"", (_HOST, 0)
    return frame, sender
