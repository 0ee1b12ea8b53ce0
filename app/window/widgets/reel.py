"""The pictures of a message, made ahead of the moment they are shown: drawing a code takes longer than a frame of the
window has. A worker thread draws, the window takes. No Kivy here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice
from queue import Empty, Full, Queue
from typing import Final

from app.presenters.views.settings import Pace
from wallet.transport.qr import DEFAULT_CHUNK, SLOW_CHUNK, FrameEncoder
from wallet.transport.qr.picture import SCREEN_FPS, STATIC_CHUNK, modules

AHEAD: Final = 3
SLOW_FPS: Final = 6
_LOOK_AGAIN: Final = 0.2
"""Seconds after which a worker that waits looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """Bytes in a frame and frames a second."""

    chunk: int
    fps: int


TEMPI: Final = {Pace.NORMAL: Tempo(DEFAULT_CHUNK, SCREEN_FPS), Pace.SLOW: Tempo(SLOW_CHUNK, SLOW_FPS)}


@dataclass(frozen=True, slots=True)
class Still:
    """One code: ``side`` modules, quiet zone included, ``gray`` row by row from the top, 0 dark and 255 light."""

    side: int
    gray: bytes


class Reel:
    """The codes of ``message``, one after the other, for ever; a message of one frame has one."""

    def __init__(self, message: bytes, pace: Pace, *, is_still: bool) -> None:
        tempo = TEMPI[pace]
        chunk = STATIC_CHUNK if is_still else tempo.chunk
        self._encoder = FrameEncoder(message, chunk)
        self.fps = tempo.fps
        self._ready: Queue[Still] = Queue(AHEAD)
        self._is_over = threading.Event()
        threading.Thread(target=self._draw, name="reel", daemon=True).start()

    @property
    def is_moving(self) -> bool:
        return self._encoder.chunk_count > 1

    def next(self) -> Still | None:
        """The next code, or None if it is not drawn yet."""
        try:
            return self._ready.get_nowait()
        except Empty:
            return None

    def end(self) -> None:
        self._is_over.set()

    def _draw(self) -> None:
        texts = self._encoder.frames()
        for text in texts if self.is_moving else islice(texts, 1):
            if not self._put(still(text)):
                return

    def _put(self, picture: Still) -> bool:
        while not self._is_over.is_set():
            try:
                self._ready.put(picture, timeout=_LOOK_AGAIN)
            except Full:
                continue
            return True
        return False


def still(text: str) -> Still:
    """The code of one frame's text."""
    rows = modules(text)
    return Still(len(rows), bytes(0 if dark else 255 for row in rows for dark in row))
