"""A radio between two processes: nfcpy's UDP frames passed on one by one, late, lost, or cut off at some frame.

Rule: it knows nothing of what it carries, and a side that is killed goes off the air at once, as its field would.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector

from tests.transport.nfc.air import BYTE, CHECK_BYTES, FRAME, Loss, no_loss

FIELD_OFF = b"RFOFF"
LOOK = b"106A 26"
"""SENS_REQ: a reader looks for a card, which after a cut is a new tap."""
_PATIENCE = 0.2
"""Seconds after which it is seen whether it is over."""


class Ether:
    """Passes frames between a reader, which sends to ``port``, and the card that listens at ``card_port``."""

    def __init__(self, *, is_paced: bool = True) -> None:
        self._is_paced = is_paced
        self._reader_side, self._card_side = _socket(), _socket()
        self._reader: tuple[str, int] | None = None
        self._is_cut = False
        self._is_over = threading.Event()
        self.port: int = self._reader_side.getsockname()[1]
        self.card_port = 0
        self.frames = 0
        self.is_lost: Loss = no_loss
        self.cut_at: int | None = None
        self.at_frame: Callable[[int], object] = lambda number: None

    def clear(self, card_port: int) -> None:
        """A card listens there; from now on everything passes, and frames are counted anew."""
        self.card_port, self.frames = card_port, 0
        self.is_lost, self.cut_at, self.at_frame = no_loss, None, lambda number: None
        self._is_cut = False

    def run(self) -> None:
        with DefaultSelector() as waiting:
            waiting.register(self._reader_side, EVENT_READ)
            waiting.register(self._card_side, EVENT_READ)
            while not self._is_over.is_set():
                for key, _ in waiting.select(_PATIENCE):
                    self._pass_on(key.fileobj is self._reader_side)

    def _pass_on(self, is_readers: bool) -> None:
        if is_readers:
            frame, self._reader = self._reader_side.recvfrom(1_024)
        else:
            frame = self._card_side.recv(1_024)
        if frame.startswith(FIELD_OFF):
            self.field_off()
            return
        number, self.frames = self.frames, self.frames + 1
        if self._is_paced:
            # The pace of the real thing: 106 kbit/s, each byte as two of text after "106A ".
            time.sleep(FRAME + BYTE * ((len(frame) - 5) / 2 + CHECK_BYTES))
        self.at_frame(number)
        if self._is_cut and frame == LOOK:
            self._is_cut = False
        self._is_cut = self._is_cut or number == self.cut_at
        if self._is_cut or self.is_lost(number):
            return
        if is_readers:
            self._card_side.sendto(frame, ("127.0.0.1", self.card_port))
        elif self._reader is not None:
            self._reader_side.sendto(frame, self._reader)

    def field_off(self) -> None:
        """The reader's field is gone; a card notices at once."""
        self._card_side.sendto(FIELD_OFF, ("127.0.0.1", self.card_port))

    def close(self) -> None:
        self._is_over.set()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


@contextmanager
def ether(*, is_paced: bool = True) -> Iterator[Ether]:
    made = Ether(is_paced=is_paced)
    thread = threading.Thread(target=made.run, name="ether")
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
        made._reader_side.close()
        made._card_side.close()
