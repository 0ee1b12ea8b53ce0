"""What several codes in one picture say of themselves, so that a person knows which to point at.

Rule: nothing here is verified and nothing is taken in; it is a name to choose by.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.presenters.party import party_of
from app.presenters.views.carrying import CodeKind, InView
from wallet.protocol.codes import Refusal
from wallet.session import messages
from wallet.transport.qr import FrameReceiver, Outcome, message_of

_REMEMBERED = 16
"""Codes whose names are kept: as many as a receiver remembers."""


class InViewNames:
    """Names by message, as their parts come."""

    def __init__(self) -> None:
        self._frames = FrameReceiver()
        self._known: dict[bytes, InView] = {}

    def codes(self, texts: Iterable[str]) -> tuple[InView, ...]:
        """The messages that these texts are of, each once."""
        found: dict[bytes, InView] = {}
        for text in texts:
            message_id = message_of(text)
            if message_id is None:
                continue
            self._hear(message_id, text)
            found[message_id] = self._known.get(message_id, InView())
        return tuple(found.values())

    def _hear(self, message_id: bytes, text: str) -> None:
        progress, message = self._frames.add(text), self._frames.message
        if progress.outcome is Outcome.COMPLETE and message is not None:
            self._known[message_id] = _read(message)
            while len(self._known) > _REMEMBERED:
                self._known.pop(next(iter(self._known)))


def _read(raw: bytes) -> InView:
    try:
        message = messages.decode(raw)
    except Refusal:
        return InView()
    match message:
        case messages.RequestMessage(request):
            body = request.body
            return InView(CodeKind.REQUEST, party_of(body.payee.body), None if body.is_open else body.amount)
        case messages.PaymentMessage():
            return InView(CodeKind.PAYMENT)
        case messages.ReceiptMessage():
            return InView(CodeKind.RECEIPT)
        case _:
            return InView()
