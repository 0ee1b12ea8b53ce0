"""Command and response APDUs, ISO/IEC 7816-4 section 5, as far as the pipe uses them: short ones, four instructions.

Rule: pure functions of bytes. Reading a command never raises anything but ``ApduError``, which is the status word
to answer with.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

AID: Final = bytes.fromhex("f051414c544101")
"""Proprietary (ISO/IEC 7816-5: first half-byte F): F0 ‖ "QALTA" ‖ 01. Android wants 5 to 16 bytes."""
CHUNK: Final = 240
"""Bytes of data in an APDU: with its head and status it still fits one ISO-DEP frame of 256 bytes."""
MOST_WAITING: Final = 256
"""What 6100 stands for: so many bytes or more wait."""

CLA: Final = 0x00
CLA_MORE: Final = 0x10
"""Command chaining, ISO/IEC 7816-4 section 5.3.3: more of this command follows."""


class Ins(IntEnum):
    """The instructions that the pipe knows."""

    SELECT = 0xA4
    ENVELOPE = 0xC3
    GET_RESPONSE = 0xC0


class Sw(IntEnum):
    """Status words, ISO/IEC 7816-4 section 5.6. ``MORE`` is 61xx: xx more bytes wait (0: 256 or more)."""

    OK = 0x9000
    MORE = 0x6100
    WRONG_LENGTH = 0x6700
    NOT_NOW = 0x6985
    WRONG_DATA = 0x6A80
    NOT_FOUND = 0x6A82
    TOO_LARGE = 0x6A84
    WRONG_P1_P2 = 0x6A86
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00
    FAILED = 0x6F00


class ApduError(Exception):
    """A command that cannot be carried out; ``sw`` says so to the reader."""

    def __init__(self, sw: Sw) -> None:
        super().__init__(sw.name)
        self.sw = sw


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """``expected``: how many bytes may come back (1 to 256), None if none are asked for."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    expected: int | None = None

    def encode(self) -> bytes:
        raw = bytes([self.cla, self.ins, self.p1, self.p2])
        if self.data:
            raw += bytes([len(self.data)]) + self.data
        if self.expected is not None:
            raw += bytes([self.expected % 256])
        return raw


def read_command(raw: bytes) -> CommandApdu:
    """Cases 1 to 4 of a short APDU. Raises ``ApduError``: WRONG_LENGTH, extended ones included."""
    if len(raw) < 4:
        raise ApduError(Sw.WRONG_LENGTH)
    cla, ins, p1, p2 = raw[:4]
    body = raw[4:]
    if len(body) < 2:
        return CommandApdu(cla, ins, p1, p2, expected=(body[0] or 256) if body else None)
    size, rest = body[0], body[1:]
    if size == 0 or len(rest) not in (size, size + 1):
        raise ApduError(Sw.WRONG_LENGTH)
    expected = None if len(rest) == size else (rest[size] or 256)
    return CommandApdu(cla, ins, p1, p2, rest[:size], expected)


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """``waiting``: bytes that wait for GET RESPONSE (256 stands for that many or more)."""

    data: bytes
    sw: int

    @property
    def waiting(self) -> int:
        return (self.sw & 0xFF or MOST_WAITING) if self.sw & 0xFF00 == Sw.MORE else 0

    def encode(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")


def read_response(raw: bytes) -> ResponseApdu | None:
    """Data and status word; None for fewer than two bytes, which are no response."""
    if len(raw) < 2:
        return None
    return ResponseApdu(raw[:-2], int.from_bytes(raw[-2:], "big"))


def select() -> bytes:
    """SELECT by name, first or only occurrence, of our AID."""
    return CommandApdu(CLA, Ins.SELECT, 0x04, 0x00, AID, 256).encode()


def envelopes(block: bytes) -> list[bytes]:
    """A block as chained ENVELOPE commands; the last one asks for the answer."""
    pieces = [block[at : at + CHUNK] for at in range(0, len(block), CHUNK)]
    more = [CommandApdu(CLA_MORE, Ins.ENVELOPE, 0, 0, piece).encode() for piece in pieces[:-1]]
    return [*more, CommandApdu(CLA, Ins.ENVELOPE, 0, 0, pieces[-1], 256).encode()]


def get_response(count: int) -> bytes:
    """The next ``count`` (1 to 256) bytes of the answer."""
    return CommandApdu(CLA, Ins.GET_RESPONSE, 0, 0, expected=count).encode()
