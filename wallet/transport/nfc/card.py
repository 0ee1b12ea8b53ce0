"""The card's end of the pipe: one command APDU in, one response APDU out. SPEC section 4.

Rule: whatever a reader sends, the card holds at most ``KEPT`` half-received messages and one answer; a SELECT at any
time is a new tap and forgets neither, so that a torn tap goes on where it was.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from wallet.transport.nfc import apdu, blocks
from wallet.transport.nfc.apdu import ApduError, CommandApdu, Ins, ResponseApdu, Sw
from wallet.transport.nfc.blocks import BlockError, Get, Have, Hello, Message, Nothing, Part, Put, Status
from wallet.transport.nfc.ports import Reply, Responder

VERSION: Final = 1
CAPABILITIES: Final = 0x0001
"""Bit 0: half-received messages are kept, STATUS and GET work. Bit 1 is reserved for a hand-over to another carrier."""
KEPT: Final = 2


class Card:
    """``answer`` is all there is to it; ``responder`` is the wallet."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._is_selected = False
        self._chain: bytearray | None = None
        self._incoming: Part | None = None
        self._parts: OrderedDict[bytes, bytearray] = OrderedDict()
        self._answer = b""
        self._said = b""

    @property
    def has_said_all(self) -> bool:
        """No part of an answer waits to be fetched. Whether the last one arrived, no card knows."""
        return not self._answer

    def answer(self, raw: bytes) -> bytes:
        """The response to any bytes. Raises only what the wallet raises that fails to answer; then nothing is known,
        and the reader taps again."""
        try:
            return self._carry_out(apdu.read_command(raw)).encode()
        except ApduError as error:
            self._drop_chain()
            return ResponseApdu(b"", error.sw).encode()

    def _carry_out(self, command: CommandApdu) -> ResponseApdu:
        if command.ins == Ins.SELECT and command.cla == apdu.CLA:
            return self._select(command)
        if command.cla not in (apdu.CLA, apdu.CLA_MORE):
            raise ApduError(Sw.UNKNOWN_CLA)
        if command.ins not in (Ins.ENVELOPE, Ins.GET_RESPONSE):
            raise ApduError(Sw.UNKNOWN_INS)
        if not self._is_selected:
            raise ApduError(Sw.NOT_NOW)
        if (command.p1, command.p2) != (0, 0):
            raise ApduError(Sw.WRONG_P1_P2)
        if command.ins == Ins.GET_RESPONSE:
            return self._more(command)
        return self._envelope(command)

    def _select(self, command: CommandApdu) -> ResponseApdu:
        self._drop_chain()
        self._answer = b""
        self._is_selected = command.data == apdu.AID and command.p1 == 0x04
        if not self._is_selected:
            raise ApduError(Sw.NOT_FOUND)
        return ResponseApdu(bytes([VERSION, apdu.CHUNK]) + CAPABILITIES.to_bytes(2, "big"), Sw.OK)

    def _more(self, command: CommandApdu) -> ResponseApdu:
        if command.cla != apdu.CLA or command.data or command.expected is None:
            raise ApduError(Sw.WRONG_LENGTH)
        if not self._answer:
            raise ApduError(Sw.NOT_NOW)
        return self._give(command.expected)

    def _give(self, expected: int | None) -> ResponseApdu:
        count = 0 if expected is None else min(expected, apdu.CHUNK)
        data, self._answer = self._answer[:count], self._answer[count:]
        left = len(self._answer)
        return ResponseApdu(data, Sw.MORE | (left % 256 if left < 256 else 0) if left else Sw.OK)

    def _envelope(self, command: CommandApdu) -> ResponseApdu:
        if not command.data:
            raise ApduError(Sw.WRONG_LENGTH)
        self._gather(command.data)
        if command.cla == apdu.CLA_MORE:
            return ResponseApdu(b"", Sw.OK)
        block, incoming = bytes(self._chain or b""), self._incoming
        self._drop_chain()
        self._answer = blocks.write_answer(self._answer_to(block, incoming))
        return self._give(command.expected)

    def _gather(self, piece: bytes) -> None:
        """The pieces of a chain. Bytes of a message go where they belong at once: a torn tap keeps them."""
        if self._incoming is not None:
            self._append(self._incoming, piece)
            return
        if self._chain is not None:
            raise ApduError(Sw.WRONG_LENGTH)
        self._chain = bytearray(piece)
        if blocks.is_put(piece):
            self._begin(piece)

    def _begin(self, piece: bytes) -> None:
        """The first piece of a PUT holds its whole head: its length is judged before anything is kept."""
        command = _command(piece)
        assert isinstance(command, Put)
        part = command.part
        held = self._parts.get(part.id, bytearray())
        if part.offset > len(held):
            raise ApduError(Sw.WRONG_DATA)
        self._parts[part.id] = held[: part.offset]
        self._parts.move_to_end(part.id)
        while len(self._parts) > KEPT:
            self._parts.popitem(last=False)
        self._incoming = Part(part.id, part.total, part.offset, b"")
        self._append(self._incoming, part.data)

    def _append(self, part: Part, piece: bytes) -> None:
        held = self._parts[part.id]
        if len(held) + len(piece) > part.total:
            del self._parts[part.id]
            raise ApduError(Sw.TOO_LARGE)
        held += piece

    def _drop_chain(self) -> None:
        self._chain = self._incoming = None

    def _answer_to(self, block: bytes, incoming: Part | None) -> blocks.Answer:
        if incoming is not None:
            return self._received(incoming)
        match _command(block):
            case Hello(ref):
                return self._told(self._responder.current_message(ref))
            case Status(identifier):
                return Have(len(self._parts.get(identifier, b"")))
            case Get(identifier, offset):
                return self._again(identifier, offset)
            case Put():
                raise ApduError(Sw.WRONG_DATA)

    def _received(self, part: Part) -> blocks.Answer:
        held = self._parts[part.id]
        if len(held) < part.total:
            raise ApduError(Sw.WRONG_DATA)
        del self._parts[part.id]
        message = bytes(held)
        if blocks.message_id(message) != part.id:
            raise ApduError(Sw.WRONG_DATA)
        return self._told(self._responder.take(message))

    def _told(self, reply: Reply) -> blocks.Answer:
        if not isinstance(reply, bytes):
            return reply
        if not 0 < len(reply) <= blocks.MAX_MESSAGE_BYTES:
            raise ApduError(Sw.FAILED)
        self._said = reply
        return Message(blocks.part_of(reply))

    def _again(self, identifier: bytes, offset: int) -> blocks.Answer:
        is_said = bool(self._said) and blocks.message_id(self._said) == identifier
        if not is_said or offset >= len(self._said):
            return Nothing()
        return Message(blocks.part_of(self._said, offset))


def _command(block: bytes) -> blocks.Command:
    try:
        return blocks.read_command(block)
    except BlockError as error:
        raise ApduError(Sw.WRONG_DATA) from error
