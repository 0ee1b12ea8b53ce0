"""One tap from the reader's side: what is said when, until it is over, somebody must decide, or the link is lost.

Rule: a tap may end anywhere; the next one goes on. But for a request, nothing is handed to a wallet before it has
shown that it knows the request that is under way: another one in the field hears its 16-byte name, no more.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from wallet.protocol.codes import Code, require
from wallet.transport.nfc.apdu import CHUNK
from wallet.transport.nfc.blocks import Nothing, Pending
from wallet.transport.nfc.ports import Conversation, Deadline, LinkLost, ReaderLink, Reply
from wallet.transport.nfc.reader import Known, Memory, Pipe

MAX_EXCHANGES: Final = 8
"""Messages handed over in one tap: a card that always has something new to say ends here."""
POLL: Final = 0.1
"""Seconds between two questions to a wallet whose person decides."""


class TapEnd(Enum):
    """How a tap ended."""

    OVER = "over"
    PERSON_HERE = "the person here must decide"
    PERSON_THERE = "the person there has not decided yet"
    NOTHING_THERE = "the other wallet has nothing more to say"
    TORN = "the link was lost"


class Tapper:
    """A conversation that goes on from tap to tap. ``pause`` waits so many seconds."""

    def __init__(self, conversation: Conversation, pause: Callable[[float], None]) -> None:
        self._conversation = conversation
        self._pause = pause
        self._memory = Memory()
        self._has_spoken = False

    def tap(self, link: ReaderLink, deadline: Deadline) -> TapEnd:
        """One card in the field, from SELECT to the end.

        Raises ``Refusal``: NOT_A_WALLET, LINK_GARBLED, OTHER_WALLET (it does not know the request under way).
        """
        pipe = Pipe(link.transceive, self._memory)
        try:
            pipe.select()
            return self._converse(pipe, deadline)
        except LinkLost:
            return TapEnd.TORN

    def _converse(self, pipe: Pipe, deadline: Deadline) -> TapEnd:
        conversation, handed = self._conversation, set[bytes]()
        message = self._opening(pipe, deadline)
        while isinstance(message, bytes) and message not in handed:
            handed.add(message)
            require(len(handed) <= MAX_EXCHANGES, Code.LINK_GARBLED)
            self._has_spoken = True
            reply = self._decided(pipe, pipe.put(message), deadline)
            if isinstance(reply, Pending):
                return TapEnd.PERSON_THERE
            conversation.delivered(message)
            message = self._heard(reply)
        if isinstance(message, Pending):
            return TapEnd.PERSON_THERE
        if conversation.is_over:
            return TapEnd.OVER
        return TapEnd.PERSON_HERE if conversation.waits_for_person else TapEnd.NOTHING_THERE

    def _opening(self, pipe: Pipe, deadline: Deadline) -> bytes | Pending | None:
        """What to say first. A request goes out at once; otherwise the other wallet is asked what it has."""
        conversation = self._conversation
        if conversation.introduces and not self._has_spoken:
            return conversation.to_send()
        reply = self._decided(pipe, pipe.hello(conversation.ref), deadline)
        if isinstance(reply, Pending):
            return reply
        if isinstance(reply, Nothing):
            require(conversation.introduces or not conversation.ref, Code.OTHER_WALLET)
            return conversation.to_send()
        return self._heard(reply)

    def _decided(self, pipe: Pipe, reply: Reply | Known, deadline: Deadline) -> Reply | Known:
        """The reply once the person there has decided; still ``Pending`` when the tap's time is over."""
        while isinstance(reply, Pending) and deadline.left() > POLL:
            self._pause(POLL)
            reply = pipe.hello(self._conversation.ref)
        return reply

    def _heard(self, reply: Reply | Known) -> bytes | None:
        """What the wallet here says next: its answer, or else what stands."""
        if isinstance(reply, Nothing):
            return None
        if isinstance(reply, bytes):
            answer = self._conversation.take(reply)
            if len(reply) > CHUNK and self._goes_on():
                # A short one came with its first piece: nothing is saved by passing over another wallet's same word.
                self._memory.note(reply)
            if isinstance(answer, bytes):
                return answer
        return None if self._conversation.is_over else self._conversation.to_send()

    def _goes_on(self) -> bool:
        """Whether the wallet here needs to hear no more of what it heard last. One that could do nothing with it, for
        want of money perhaps, hears it again at the next tap."""
        conversation = self._conversation
        return conversation.is_over or conversation.waits_for_person or conversation.to_send() is not None
