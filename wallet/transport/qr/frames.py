"""A message as frames: one for a short message, an endless row of them for a long one, on the same path.

Rule: SPEC sections 2 to 5. Every frame of a message has the same number of characters, so that all its
pictures have the same size. The receiving half is `receiver`; both names are public here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Final

from wallet.transport.qr.fountain import Basis, combine, row_mask, scramble
from wallet.transport.qr.layout import (
    MAX_CHUNK_BYTES,
    MAX_CHUNKS,
    MAX_MESSAGE_BYTES,
    MAX_SEQ,
    Frame,
    FrameError,
    Limits,
    Outcome,
    even_chunk,
    message_id,
    write_frame,
)
from wallet.transport.qr.receiver import FrameReceiver, Progress, message_of

__all__ = [
    "DEFAULT_CHUNK",
    "MAX_CHUNKS",
    "MAX_MESSAGE_BYTES",
    "SLOW_CHUNK",
    "FrameEncoder",
    "FrameError",
    "FrameReceiver",
    "Limits",
    "Outcome",
    "Progress",
    "message_of",
]

DEFAULT_CHUNK: Final = 391
"""Bytes: fills version 13 at level L, 77 modules with the quiet zone, so that it also fits 80 columns of
text."""
SLOW_CHUNK: Final = 164
"""Bytes: fills version 8 at level L, for poor cameras and poor light."""
SPACED_CHUNKS: Final = 16
"""Up to so many chunks the rows shown are chosen; with more, chance serves as well (SPEC section 5)."""


class FrameEncoder:
    """The frames of `message` (1 to `MAX_MESSAGE_BYTES` bytes) in chunks of at most `chunk_size` bytes.

    Raises ValueError for a message that is empty or too long, and for a chunk size that no QR code holds or
    that would make more than `MAX_CHUNKS` chunks.
    """

    def __init__(self, message: bytes, chunk_size: int = DEFAULT_CHUNK) -> None:
        if not 0 < len(message) <= MAX_MESSAGE_BYTES:
            raise ValueError(f"a message has 1 to {MAX_MESSAGE_BYTES} bytes, not {len(message)}")
        if not 0 < chunk_size <= MAX_CHUNK_BYTES:
            raise ValueError(f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes, not {chunk_size}")
        size = even_chunk(len(message), chunk_size)
        count = -(-len(message) // size)
        if count > MAX_CHUNKS:
            raise ValueError(f"more than {MAX_CHUNKS} chunks")
        self._id = message_id(message)
        self._length = len(message)
        self._size = size
        data = scramble(self._id, message.ljust(count * size, b"\0"))
        self._chunks = [int.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size)]

    @property
    def chunk_count(self) -> int:
        return len(self._chunks)

    def frame(self, seq: int) -> str:
        """The text of frame `seq`, 0 to 65,535. Raises ValueError for any other."""
        if not 0 <= seq <= MAX_SEQ:
            raise ValueError(f"a sequence number is 0 to {MAX_SEQ}, not {seq}")
        row = combine(self._chunks, row_mask(self._id, self.chunk_count, seq))
        return write_frame(Frame(self._id, self._length, seq, row.to_bytes(self._size, "big")))

    def frames(self, last: int = MAX_SEQ) -> Iterator[str]:
        """Without end: the chunks themselves, then drawn rows; after frame ``last``, 65,535 at most, from the start.

        Of few chunks, any `chunk_count` frames on end are independent: rows that are not are passed over. A
        message of one chunk repeats frame 0: it is one picture.
        """
        if self.chunk_count == 1:
            yield from repeat(self.frame(0))
        while True:
            recent: deque[int] = deque(maxlen=self.chunk_count - 1)
            for seq in range(last + 1):
                mask = row_mask(self._id, self.chunk_count, seq)
                if self.chunk_count > SPACED_CHUNKS or self._adds(mask, recent):
                    recent.append(mask)
                    yield self.frame(seq)

    def _adds(self, mask: int, recent: Iterable[int]) -> bool:
        basis = Basis(self.chunk_count)
        for shown in recent:
            basis.insert(shown, 0, 0)
        return basis.insert(mask, 0, 0) is None
