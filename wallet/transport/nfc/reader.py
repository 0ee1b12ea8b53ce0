"""The reader's end of the pipe: messages out and in over any link that carries APDUs. SPEC section 5.

Rule: what was sent or received of a message before a link was lost is not carried again. The ``Memory`` that makes it
so outlives the tap and is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wallet.protocol.codes import Code, Refusal, require
from wallet.transport.nfc import apdu, blocks
from wallet.transport.nfc.apdu import Sw
from wallet.transport.nfc.blocks import BlockError, Get, Have, Hello, Message, Part, Put, Status
from wallet.transport.nfc.ports import Reply

KNOWN: Final = 16
_RESUMES: Final = 0x0001


@dataclass(slots=True)
class Memory:
    """What a reader keeps from tap to tap. ``torn``: the message whose sending was cut; ``begun``: one whose fetching
    was; ``known``: ids of messages that were received whole."""

    torn: bytes = b""
    begun: tuple[bytes, bytes] = (b"", b"")
    known: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def note(self, message: bytes) -> None:
        """``message`` was received whole, and the wallet goes on from it."""
        self.known[blocks.message_id(message)] = None
        while len(self.known) > KNOWN:
            self.known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Known:
    """The other side has a message that is here already; it was not fetched again."""


class Pipe:
    """One tap. ``transceive`` carries one APDU and raises ``LinkLost``.

    Whatever the card answers, the methods return what they say or raise ``Refusal``: NOT_A_WALLET (nothing of ours, or
    of another version), LINK_GARBLED (no answer of this page).
    """

    def __init__(self, transceive: Callable[[bytes], bytes], memory: Memory) -> None:
        self._transceive = transceive
        self._memory = memory
        self._resumes = False

    def select(self) -> None:
        """Open the application; forgets whatever another wallet in the field was told."""
        answer = apdu.read_response(self._transceive(apdu.select()))
        require(answer is not None and answer.sw == Sw.OK and len(answer.data) >= 4, Code.NOT_A_WALLET)
        assert answer is not None
        version, _, capabilities = answer.data[0], answer.data[1], int.from_bytes(answer.data[2:4], "big")
        require(version == 1, Code.NOT_A_WALLET, version=version)
        self._resumes = bool(capabilities & _RESUMES)

    def hello(self, ref: bytes) -> Reply | Known:
        """What the card has for the request ``ref``; for any, where it is empty."""
        return self._reply(self._say(Hello(ref)))

    def put(self, message: bytes) -> Reply | Known:
        """Hand over ``message``, or what the card lacks of it; its reply."""
        identifier = blocks.message_id(message)
        offset = self._had(identifier, len(message)) if self._memory.torn == identifier else 0
        self._memory.torn = identifier
        reply = self._say(Put(blocks.part_of(message, offset)))
        self._memory.torn = b""
        return self._reply(reply)

    def _had(self, identifier: bytes, total: int) -> int:
        """How much of a torn message the card kept; all but the last byte at most, so that there is a rest to send."""
        if not self._resumes:
            return 0
        answer = self._whole(self._say(Status(identifier)))
        return min(answer.count, total - 1) if isinstance(answer, Have) else 0

    def _reply(self, first: apdu.ResponseApdu) -> Reply | Known:
        begun = _answer(first.data)
        if not isinstance(begun, Message):
            answer = self._whole(first)
            require(not isinstance(answer, (Message, Have)), Code.LINK_GARBLED)
            assert not isinstance(answer, (Message, Have))
            return answer
        part = begun.part
        require(part.offset == 0, Code.LINK_GARBLED)
        if part.id in self._memory.known and part.end < part.total:
            return Known()
        message = self._fetched(part, first)
        # Forgotten even where it is not what its id says: the next tap must not build on it.
        self._memory.begun = (b"", b"")
        require(blocks.message_id(message) == part.id, Code.LINK_GARBLED)
        return message

    def _fetched(self, part: Part, first: apdu.ResponseApdu) -> bytes:
        """The whole message that ``first`` begins, going on from what an earlier tap brought of it."""
        identifier, held = self._memory.begun
        if self._resumes and identifier == part.id and part.end < len(held) < part.total:
            first = self._say(Get(part.id, len(held)))
            begun = _answer(first.data)
            if isinstance(begun, Message):
                rest = begun.part
                expected = (part.id, part.total, len(held))
                require((rest.id, rest.total, rest.offset) == expected, Code.LINK_GARBLED)
                return self._rest(rest, held, first)
            return self._fetched_again()
        return self._rest(part, b"", first)

    def _fetched_again(self) -> bytes:
        """The card has forgotten what it said: the next ``hello`` begins anew."""
        self._memory.begun = (b"", b"")
        raise Refusal(Code.LINK_GARBLED)

    def _rest(self, part: Part, held: bytes, answer: apdu.ResponseApdu) -> bytes:
        """Gather the pieces; each is in memory before the next is asked for."""
        held += part.data
        self._memory.begun = (part.id, held)
        while len(held) < part.total:
            answer = self._more(answer, part.total - len(held))
            held += answer.data
            self._memory.begun = (part.id, held)
        require(not answer.waiting, Code.LINK_GARBLED)
        return held

    def _more(self, answer: apdu.ResponseApdu, left: int) -> apdu.ResponseApdu:
        """The next of ``left`` bytes. A card must say how many wait and give all it is asked for, or else it could
        make a tap last as long as it likes."""
        require(answer.waiting == min(left, apdu.MOST_WAITING), Code.LINK_GARBLED)
        count = min(left, apdu.CHUNK)
        more = self._exchange(apdu.get_response(count))
        require(len(more.data) == count, Code.LINK_GARBLED)
        return more

    def _whole(self, answer: apdu.ResponseApdu) -> blocks.Answer:
        require(not answer.waiting, Code.LINK_GARBLED)
        return _answer(answer.data)

    def _say(self, command: blocks.Command) -> apdu.ResponseApdu:
        *chain, last = apdu.envelopes(blocks.write_command(command))
        for piece in chain:
            require(not self._exchange(piece).data, Code.LINK_GARBLED)
        return self._exchange(last)

    def _exchange(self, command: bytes) -> apdu.ResponseApdu:
        answer = apdu.read_response(self._transceive(command))
        if answer is None:
            raise Refusal(Code.LINK_GARBLED)
        require(answer.sw == Sw.OK or bool(answer.waiting), Code.LINK_GARBLED, sw=f"{answer.sw:04x}")
        return answer


def _answer(data: bytes) -> blocks.Answer:
    try:
        return blocks.read_answer(data)
    except BlockError as error:
        raise Refusal(Code.LINK_GARBLED) from error
