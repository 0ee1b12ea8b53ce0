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

    @property
    def is_idle(self) -> bool:
        return self.message is None and not self.is_waited_for

    def ask(self, wallet: Responder) -> Reply:
        return wallet.current_message(self.ref) if self.message is None else wallet.take(self.message)


class Mailbox:
    """A ``Responder`` for the link's thread; ``answer_next`` is for the wallet's."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = threading.Condition()
        self._questions: deque[_Question] = deque()
        self._current: _Question | None = None
        self._late: _Question | None = None

    # the link's thread

    def current_message(self, ref: bytes) -> Reply:
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
        """The same message asked again while it waits, or is being answered, is one question. An answer that came too
        late is for the next who asks the same, if nothing came in between: a wallet that is always slower than the
        link's patience is heard all the same."""
        late, self._late = self._late, None
        if late is not None and question.message is None and late.ref == question.ref:
            return late
        for asked in (self._current, *self._questions):
            if asked is not None and question.message is not None and asked.message == question.message:
                return asked
        self._tidy()
        if len(self._questions) < MAX_QUESTIONS:
            self._questions.append(question)
        return question

    # the wallet's thread

    def answer_next(self, wallet: Responder, timeout: float) -> bool:
        """Let ``wallet`` answer the next question; False if none came within ``timeout`` seconds.

        A wallet that raises answers nothing: a message stays first in line, and is tried again by the next call.
        """
        with self._lock:
            self._lock.wait_for(self._next, timeout)
            question = self._current = self._next()
            if question is None:
                return False
            self._questions.popleft()
        try:
            question.reply = question.ask(wallet)
            question.answered.set()
        finally:
            with self._lock:
                self._current = None
                self._tidy()
                is_late = question.is_idle and isinstance(question.reply, bytes)
                self._late = question if is_late and not self._questions else None
                if question.reply is None:
                    self._questions.appendleft(question)
        return True

    def _next(self) -> _Question | None:
        self._tidy()
        return self._questions[0] if self._questions else None

    def _tidy(self) -> None:
        """Those that only ask, and that nobody waits for any more, leave room for others."""
        self._questions = deque(asked for asked in self._questions if not asked.is_idle)
