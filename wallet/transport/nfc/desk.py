"""Where a card's link and the wallet meet when each has a thread of its own.

Rule: the link never waits longer than ``patience``; then the answer is ``Pending``, and the reader asks again. The
wallet answers in its own thread, in the order asked, and a message that was taken is answered even if nobody waits.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from wallet.transport.nfc.blocks import Pending
from wallet.transport.nfc.ports import Reply, Responder

PATIENCE: Final = 0.12
"""Seconds: well below the 309 ms after which a reader takes a card for gone (ISO/IEC 14443-4, FWI 10)."""
MAX_QUESTIONS: Final = 8


@dataclass(slots=True)
class _Question:
    message: bytes | None
    ref: bytes = b""
    is_waited_for: bool = True
    reply: Reply | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def ask(self, wallet: Responder) -> Reply:
        return wallet.standing(self.ref) if self.message is None else wallet.take(self.message)


class Desk:
    """A ``Responder`` for the link's thread; ``answer_next`` is for the wallet's."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = threading.Condition()
        self._questions: deque[_Question] = deque()

    # the link's thread

    def standing(self, ref: bytes) -> Reply:
        return self._ask(_Question(None, ref))

    def take(self, message: bytes) -> Reply:
        return self._ask(_Question(message))

    def _ask(self, question: _Question) -> Reply:
        with self._lock:
            question = self._queued(question)
            self._lock.notify_all()
        question.answered.wait(self._patience)
        with self._lock:
            question.is_waited_for = False
        return Pending() if question.reply is None else question.reply

    def _queued(self, question: _Question) -> _Question:
        """The same message asked again while it waits is one question; questions nobody waits for are left out."""
        for waiting in self._questions:
            if question.message is not None and waiting.message == question.message:
                return waiting
        if len(self._questions) < MAX_QUESTIONS:
            self._questions.append(question)
        return question

    # the wallet's thread

    def answer_next(self, wallet: Responder, timeout: float) -> bool:
        """Let ``wallet`` answer the next question; False if none came within ``timeout`` seconds."""
        with self._lock:
            self._lock.wait_for(lambda: bool(self._questions), timeout)
            if not self._questions:
                return False
            question = self._questions[0]
            is_wanted = question.message is not None or question.is_waited_for
        if is_wanted:
            question.reply = question.ask(wallet)
        with self._lock:
            self._questions.popleft()
        question.answered.set()
        return True
