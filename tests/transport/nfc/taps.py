"""Two real wallets and a tap between them, as every test here wants it; either may be the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.session.pairs import AMOUNT, Pair
from wallet.session.events import ConfirmationNeeded, PayeeEvent, PayerEvent
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc import Card, Deadline, LinkLost, TapEnd, Tapper

Cut = Callable[[int], str | None]
"""For the n-th APDU (from 0): ``before`` it arrives, ``after`` it was answered, or None."""


def uncut(_: int) -> None:
    return None


@dataclass
class Field:
    """The space between a reader and one card: APDUs pass until the link is cut."""

    card: Card
    cut: Cut = uncut
    count: int = 0
    log: list[tuple[bytes, bytes | None]] = field(default_factory=list)

    def transceive(self, command: bytes) -> bytes:
        number, self.count = self.count, self.count + 1
        when = self.cut(number)
        if when == "before":
            self.log.append((command, None))
            raise LinkLost
        answer = self.card.answer(command)
        self.log.append((command, None if when else answer))
        if when == "after":
            raise LinkLost
        return answer


class Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def in_seconds(self, seconds: float) -> Deadline:
        return Deadline(self, self.now + seconds)


class Taps:
    """A pair that pays by tap. ``payer_reads``: the payer is the reader, the payee the card."""

    def __init__(self, pair: Pair, *, payer_reads: bool) -> None:
        self.pair = pair
        self.clock = Clock()
        self.payer_reads = payer_reads
        self.begin()

    def begin(self) -> None:
        """New ends over the pair's sessions, as after a restart of both apps."""
        self.payer = PayerTap(self.pair.alia.paying, self.pair.payer)  # type: ignore[arg-type]
        self.payee = PayeeTap(self.pair.shop.receiving, self.pair.payee)  # type: ignore[arg-type]
        reading, answering = (self.payer, self.payee) if self.payer_reads else (self.payee, self.payer)
        self.tapper = Tapper(reading, self.clock.pause)
        self.card = Card(answering)

    def tap(self, cut: Cut = uncut, *, seconds: float = 1.0) -> TapEnd:
        self.field = Field(self.card, cut)
        end = self.tapper.tap(self.field, self.clock.in_seconds(seconds))
        self.hear()
        return end

    def hear(self) -> None:
        payer: list[PayerEvent] = self.payer.events()
        payee: list[PayeeEvent] = self.payee.session.events()
        self.pair.said_payer += payer
        self.pair.said_payee += payee
        self.pair.payer, self.pair.payee = self.payer.session, self.payee.session

    def agree(self) -> None:
        """The payer's person says yes if asked."""
        if self.payer.waits_for_person and isinstance(self.pair.said_payer[-1], ConfirmationNeeded):
            self.pair.agree(AMOUNT)
