"""The card's side of ISO/IEC 14443-4 (type A): blocks in, blocks out.

Rule: a pure machine. Whatever a reader sends is answered as the standard says or left unanswered, and never raises;
what is held of a command is bounded. Clauses and rules are those of ISO/IEC 14443-4:2008: "rule" with a letter is one
of 7.5.3 (block numbering), with a number one of 7.5.4 (block handling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ATS: Final = bytes.fromhex("057880a002")
"""5.2, answer to select: frames of 256 bytes (FSCI 8), 106 kbit/s only, FWI 10, CID supported, NAD not."""
FRAME_WAITING_TIME: Final = 4096 / 13.56e6 * 2**10
"""7.2, seconds (0.309): how long the reader waits for a block of ours. FWI 10 is what a busy machine keeps."""
EXTENSION: Final = 8
"""7.3, WTXM: how many times that long it waits once after S(WTX)."""
MAX_COMMAND: Final = 261
"""The longest short APDU. Of a longer command one byte more is kept, which makes it none that could be read."""

FRAME_SIZES: Final = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""5.1, bytes by FSDI; higher values are read as 8."""
UNKNOWN_FRAME_SIZE: Final = 128
"""Where a device answers RATS by itself and does not say what was in it: the smallest that readers in use ask for."""
_CRC_BYTES: Final = 2

_RATS: Final = 0xE0
_WITH_CID: Final = 0x08
_CHAINING: Final = 0x10
_NUMBER: Final = 0x01
_I, _ACK, _NAK, _DESELECT, _WTX = 0x02, 0xA2, 0xB2, 0xC2, 0xF2


@dataclass(frozen=True, slots=True)
class Parameters:
    """What RATS agreed on. ``frame``: bytes that the reader takes at once, the checksum's two included. ``cid``: the
    number (0 to 14) that the reader gave this card; None if that is not known, then any is ours."""

    frame: int = UNKNOWN_FRAME_SIZE
    cid: int | None = None


def is_rats(block: bytes) -> bool:
    """5.1: no block of 7.1 begins like RATS."""
    return len(block) == 2 and block[0] == _RATS


def read_rats(block: bytes) -> Parameters:
    """What a RATS asks for; CID 15 is not allowed and read as 0."""
    size, cid = block[1] >> 4, block[1] & 0x0F
    return Parameters(FRAME_SIZES[min(size, 8)], cid % 15)


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing to send; listen on."""


@dataclass(frozen=True, slots=True)
class Send:
    """``block`` is the answer."""

    block: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command, 1 to ``MAX_COMMAND`` + 1 bytes: ``answer`` it, or ask for time with ``extend``."""

    apdu: bytes


@dataclass(frozen=True, slots=True)
class Granted:
    """The reader waits for ``EXTENSION`` times the frame waiting time: ``answer``, or ``extend`` again."""


@dataclass(frozen=True, slots=True)
class Deselected:
    """It is over; ``block`` is the last thing to send."""

    block: bytes


Step = Silent | Send | Command | Granted | Deselected


@dataclass(frozen=True, slots=True)
class _Block:
    """7.1: protocol control byte without its CID bit, CID if there is one, information field."""

    control: int
    cid: int | None
    data: bytes

    @property
    def number(self) -> int:
        return self.control & _NUMBER


class Picc:
    """One activation: from RATS on, until the reader deselects or goes."""

    def __init__(self, parameters: Parameters) -> None:
        self._frame = parameters.frame
        self._own_cid = parameters.cid
        self._cid: int | None = None
        self._number = 1
        self._command = bytearray()
        self._is_chained = False
        self._is_answer_due = False
        self._is_extension_asked = False
        self._rest = b""
        self._last = b""

    def receive(self, raw: bytes) -> Step:
        """A block from the reader, without its checksum.

        7.5.5 (errors that the card finds): "The PICC shall attempt no error recovery", it returns to reception; what
        fits no rule is ``Silent``.
        """
        block = self._read(raw)
        if block is None:
            return Silent()
        if block.control == _DESELECT and not block.data:
            return Deselected(self._written(_DESELECT))
        if block.control == _WTX:
            return self._extended(block)
        if block.control & ~_NUMBER in (_ACK, _NAK) and not block.data:
            return self._acknowledged(block)
        if block.control & ~(_NUMBER | _CHAINING) == _I and not self._is_answer_due:
            return self._taken(block)
        return Silent()

    def answer(self, response: bytes) -> bytes:
        """The first block of the response to a ``Command``, in place of it or after ``Granted``."""
        assert self._is_answer_due
        assert not self._is_extension_asked
        self._is_answer_due = False
        self._rest = response
        return self._next_piece()

    def extend(self) -> bytes:
        """S(WTX) in place of the response. 7.3, and rule 9: "The PICC is allowed to send an S(WTX) block instead of an
        I-block or an R(ACK) block"; rule 3: nothing else is sent before its response is here (``Granted``)."""
        assert self._is_answer_due
        self._is_extension_asked = True
        return self._sent(_WTX, bytes([EXTENSION]))

    def _read(self, raw: bytes) -> _Block | None:
        """7.1.1: another card's CID is another card's block; so is one without CID unless ours is 0, and a block with
        NAD (bit 3 of an I-block), which we do not support, is ignored. An answer carries the CID if the block did."""
        if not raw:
            return None
        has_cid = bool(raw[0] & _WITH_CID)
        if not has_cid:
            if self._own_cid:
                return None
            self._cid = None
            return _Block(raw[0], None, raw[1:])
        if len(raw) < 2 or self._own_cid not in (None, raw[1] & 0x0F):
            return None
        self._cid = raw[1] & 0x0F
        return _Block(raw[0] & ~_WITH_CID, self._cid, raw[2:])

    def _taken(self, block: _Block) -> Step:
        """Rule D: the number toggles with each I-block; its note: one whose number is not the next is one that we have
        had, and gets neither a toggle nor an answer, so that no command is carried out twice."""
        if block.number == self._number:
            return Silent()
        self._number = block.number
        self._rest = b""
        if not self._is_chained:
            self._command.clear()
        self._command += block.data[: MAX_COMMAND + 1 - len(self._command)]
        self._is_chained = bool(block.control & _CHAINING)
        if self._is_chained:
            # Rule 2: "When an I-block indicating chaining is received, the block shall be acknowledged by an R(ACK)".
            return Send(self._sent(_ACK | self._number))
        if not self._command:
            # Rule 10, note: an empty I-block is answered by one, and is nothing for the application.
            return Send(self._sent(_I | self._number))
        self._is_answer_due = True
        self._last = b""
        return Command(bytes(self._command))

    def _acknowledged(self, block: _Block) -> Step:
        if block.number == self._number:
            # Rule 11: R(ACK) or R(NAK) with our number: "the last block shall be re-transmitted".
            return Send(self._last) if self._last else Silent()
        if self._is_answer_due:
            return Silent()
        if block.control & ~_NUMBER == _NAK:
            # Rule 12: R(NAK) with the other number: "an R(ACK) block shall be sent".
            return Send(self._written(_ACK | self._number))
        if self._rest:
            # Rules E and 13: R(ACK) with the other number toggles ours, and chaining goes on.
            self._number ^= 1
            return Send(self._next_piece())
        return Silent()

    def _extended(self, block: _Block) -> Step:
        """7.3: the response repeats the multiplier that was asked for; its two high bits are not ours to judge."""
        is_ours = len(block.data) == 1 and block.data[0] & 0x3F == EXTENSION
        if not self._is_extension_asked or not is_ours:
            return Silent()
        self._is_extension_asked = False
        return Granted()

    def _next_piece(self) -> bytes:
        """7.5.2: a response longer than a frame goes in several I-blocks, all but the last with the chaining bit."""
        room = self._frame - _CRC_BYTES - (1 if self._cid is None else 2)
        piece, self._rest = self._rest[:room], self._rest[room:]
        return self._sent(_I | (_CHAINING if self._rest else 0) | self._number, piece)

    def _sent(self, control: int, data: bytes = b"") -> bytes:
        self._last = self._written(control, data)
        return self._last

    def _written(self, control: int, data: bytes = b"") -> bytes:
        if self._cid is None:
            return bytes([control]) + data
        return bytes([control | _WITH_CID, self._cid]) + data
