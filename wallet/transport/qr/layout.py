"""The bytes of one frame, both ways, and the bounds on all that a frame declares.

Rule: SPEC section 3. A frame is checked completely before anything is kept of it; the first failing check
names the outcome.

    QALTA1:  Base45( message id 8 | message length 3 | sequence number 2 | chunk | CRC-32 4 )
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final, NamedTuple
from zlib import crc32

from wallet.transport.qr import base45

FAMILY: Final = "QALTA"
PREFIX: Final = "QALTA1:"
ID_BYTES: Final = 8
HEADER_BYTES: Final = ID_BYTES + 3 + 2
CRC_BYTES: Final = 4
OVERHEAD_BYTES: Final = HEADER_BYTES + CRC_BYTES
MAX_SEQ: Final = 0xFFFF

MAX_MESSAGE_BYTES: Final = 65_536
MAX_CHUNKS: Final = 1_024
MAX_TEXT: Final = 4_296
"""Alphanumeric characters of the largest QR code: version 40, level L (ISO/IEC 18004 table 7)."""
MAX_CHUNK_BYTES: Final = (MAX_TEXT - len(PREFIX)) * 2 // 3 - OVERHEAD_BYTES


class Outcome(Enum):
    """What became of one text given to the receiver."""

    USEFUL = "useful"
    """A frame that brought its message nearer."""
    KNOWN = "known"
    """A frame that said nothing new."""
    COMPLETE = "complete"
    """The frame that completed a message."""
    REPEAT = "repeat"
    """A frame of a message that is complete already."""
    FOREIGN = "foreign"
    """A good frame, kept, of another message than the one whose progress is shown."""
    SPOILED = "spoiled"
    """Frames of this message contradict each other: somebody makes them up. Repaired from more, or begun
    anew."""
    NOT_A_FRAME = "not_a_frame"
    """Some other text."""
    OTHER_VERSION = "other_version"
    """A frame of another version of this format."""
    DAMAGED = "damaged"
    """Not whole: not Base45, too short, or a wrong CRC."""
    OUT_OF_BOUNDS = "out_of_bounds"
    """Too long a text, too large a message, too many chunks, or numbers that do not fit each other."""


class FrameError(ValueError):
    """The text is no acceptable frame; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Limits:
    """What one receiver is ready to spend. `running` and `waiting` count messages in parts, see
    `receiver`."""

    message_bytes: int = MAX_MESSAGE_BYTES
    chunks: int = MAX_CHUNKS
    running: int = 8
    waiting: int = 16
    remembered: int = 16


class Stream(NamedTuple):
    """Frames that can be combined agree in all three."""

    message_id: bytes
    length: int
    chunk_bytes: int

    @property
    def chunk_count(self) -> int:
        return -(-self.length // self.chunk_bytes)


@dataclass(frozen=True, slots=True)
class Frame:
    """One row of one message: the XOR of the chunks that `seq` names (`fountain.row_mask`)."""

    message_id: bytes
    length: int
    seq: int
    chunk: bytes

    @property
    def stream(self) -> Stream:
        return Stream(self.message_id, self.length, len(self.chunk))


def message_id(message: bytes) -> bytes:
    """The first 8 bytes of SHA-256: tells messages apart and finds damage. It authenticates nothing."""
    return sha256(message).digest()[:ID_BYTES]


def even_chunk(length: int, at_most: int) -> int:
    """The smallest chunk that needs no more chunks than chunks of `at_most` bytes would."""
    count = -(-length // at_most)
    return -(-length // count)


def chunk_of_text(characters: int) -> int:
    """Bytes of the largest chunk whose frame has so many characters at most; 0 or less where there is none."""
    threes, rest = divmod(characters - len(PREFIX), 3)
    return 2 * threes + (rest == 2) - OVERHEAD_BYTES


def write_frame(frame: Frame) -> str:
    body = frame.message_id + frame.length.to_bytes(3, "big") + frame.seq.to_bytes(2, "big") + frame.chunk
    return PREFIX + base45.encode(body + crc32(body).to_bytes(CRC_BYTES, "big"))


def read_frame(text: str, limits: Limits) -> Frame:
    """Raises `FrameError`; the checks are numbered in SPEC section 3."""
    if not text.startswith(FAMILY):
        raise FrameError(Outcome.NOT_A_FRAME)
    if not text.startswith(PREFIX):
        raise FrameError(Outcome.OTHER_VERSION)
    if len(text) > MAX_TEXT:
        raise FrameError(Outcome.OUT_OF_BOUNDS)
    try:
        data = base45.decode(text[len(PREFIX) :])
    except base45.Base45Error:
        raise FrameError(Outcome.DAMAGED) from None
    body, crc = data[:-CRC_BYTES], data[-CRC_BYTES:]
    if len(body) <= HEADER_BYTES or int.from_bytes(crc, "big") != crc32(body):
        raise FrameError(Outcome.DAMAGED)
    frame = Frame(
        message_id=body[:ID_BYTES],
        length=int.from_bytes(body[ID_BYTES : ID_BYTES + 3], "big"),
        seq=int.from_bytes(body[ID_BYTES + 3 : HEADER_BYTES], "big"),
        chunk=body[HEADER_BYTES:],
    )
    _check_bounds(frame, limits)
    return frame


def _check_bounds(frame: Frame, limits: Limits) -> None:
    if not 0 < frame.length <= limits.message_bytes:
        raise FrameError(Outcome.OUT_OF_BOUNDS)
    if frame.stream.chunk_count > limits.chunks:
        raise FrameError(Outcome.OUT_OF_BOUNDS)
    if len(frame.chunk) != even_chunk(frame.length, len(frame.chunk)):
        raise FrameError(Outcome.OUT_OF_BOUNDS)
