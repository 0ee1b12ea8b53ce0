"""What the two ends of a tap say to each other inside the APDUs: four commands and four answers. SPEC section 3.

Rule: pure functions of bytes. A block is one byte of kind, then fixed fields, then bytes of a message; whatever a
stranger sends either reads as one of these or raises ``BlockError``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

MAX_MESSAGE_BYTES: Final = 65_535
"""Of a message in this pipe: two bytes of length. A payment (49,152 at most) with its head fits."""
ID_BYTES: Final = 8
REF_BYTES: Final = 16
HEAD_BYTES: Final = 1 + ID_BYTES + 2 + 2
"""What stands before the bytes of a message: kind, message id, length of the whole, offset."""

_HELLO, _PUT, _STATUS, _GET = 0x01, 0x02, 0x03, 0x04
_NOTHING, _MESSAGE, _PENDING, _HAVE = 0x81, 0x82, 0x83, 0x84


class BlockError(Exception):
    """No block of this version."""


def message_id(message: bytes) -> bytes:
    """The first 8 bytes of SHA-256: what resuming goes by. It proves nothing; signatures inside the message do."""
    return hashlib.sha256(message).digest()[:ID_BYTES]


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of the message ``id`` (``total`` bytes in all) from ``offset`` on."""

    id: bytes
    total: int
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class Hello:
    """What do you have for me? ``ref``: about this request (16 bytes); empty: whatever stands."""

    ref: bytes = b""


@dataclass(frozen=True, slots=True)
class Put:
    """A message, or the rest of one."""

    part: Part


@dataclass(frozen=True, slots=True)
class Status:
    """How many bytes of my message ``id`` do you have?"""

    id: bytes


@dataclass(frozen=True, slots=True)
class Get:
    """Your message ``id`` again, from ``offset`` on."""

    id: bytes
    offset: int


Command = Hello | Put | Status | Get


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing to say: it is over, or this is not what you look for."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, or the rest of one."""

    part: Part


@dataclass(frozen=True, slots=True)
class Pending:
    """A person decides, or the wallet is at work: ask again with ``Hello``."""


@dataclass(frozen=True, slots=True)
class Have:
    """``count`` bytes of that message are here already."""

    count: int


Answer = Nothing | Message | Pending | Have


def part_of(message: bytes, offset: int = 0) -> Part:
    """``message`` from ``offset`` on."""
    return Part(message_id(message), len(message), offset, message[offset:])


def write_command(command: Command) -> bytes:
    """The bytes of a command."""
    match command:
        case Hello(ref):
            return bytes([_HELLO]) + ref
        case Put(part):
            return _write_part(_PUT, part)
        case Status(identifier):
            return bytes([_STATUS]) + identifier
        case Get(identifier, offset):
            return bytes([_GET]) + identifier + offset.to_bytes(2, "big")


def read_command(raw: bytes) -> Command:
    """The other way round; the part of a ``Put`` may be a first piece of what is to come. Raises ``BlockError``."""
    kind, rest = raw[:1], raw[1:]
    if kind == bytes([_HELLO]) and len(rest) in (0, REF_BYTES):
        return Hello(rest)
    if kind == bytes([_PUT]):
        return Put(_read_part(rest))
    if kind == bytes([_STATUS]) and len(rest) == ID_BYTES:
        return Status(rest)
    if kind == bytes([_GET]) and len(rest) == ID_BYTES + 2:
        return Get(rest[:ID_BYTES], int.from_bytes(rest[ID_BYTES:], "big"))
    raise BlockError


def is_put(piece: bytes) -> bool:
    """Whether a command that begins with ``piece`` (not empty) is a ``Put``."""
    return piece[0] == _PUT


def write_answer(answer: Answer) -> bytes:
    """The bytes of an answer."""
    match answer:
        case Nothing():
            return bytes([_NOTHING])
        case Message(part):
            return _write_part(_MESSAGE, part)
        case Pending():
            return bytes([_PENDING])
        case Have(count):
            return bytes([_HAVE]) + count.to_bytes(2, "big")


def read_answer(raw: bytes) -> Answer:
    """The other way round; the part of a ``Message`` may be a first piece of what is to come. Raises ``BlockError``."""
    kind, rest = raw[:1], raw[1:]
    if kind == bytes([_MESSAGE]):
        return Message(_read_part(rest))
    if kind == bytes([_HAVE]) and len(rest) == 2:
        return Have(int.from_bytes(rest, "big"))
    if rest:
        raise BlockError
    if kind == bytes([_NOTHING]):
        return Nothing()
    if kind == bytes([_PENDING]):
        return Pending()
    raise BlockError


def _write_part(kind: int, part: Part) -> bytes:
    return (
        bytes([kind]) + part.id + part.total.to_bytes(2, "big") + part.offset.to_bytes(2, "big") + part.data
    )


def _read_part(rest: bytes) -> Part:
    if len(rest) < HEAD_BYTES - 1:
        raise BlockError
    total = int.from_bytes(rest[ID_BYTES : ID_BYTES + 2], "big")
    offset = int.from_bytes(rest[ID_BYTES + 2 : ID_BYTES + 4], "big")
    part = Part(rest[:ID_BYTES], total, offset, rest[ID_BYTES + 4 :])
    if total == 0 or offset >= total or part.end > total:
        raise BlockError
    return part
