"""Two real wallets and a tap between them, as every test here wants it; either may be the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.session.pairs import Pair
from wallet.session import PayerState
from wallet.session.events import PayeeEvent, PayerEvent
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
        self.tapper = Tapper(reading, self.pause)
        self.card = Card(answering)

    def tap(self, cut: Cut = uncut, *, seconds: float = 1.0) -> TapEnd:
        self.field = Field(self.card, cut)
        try:
            return self.tapper.tap(self.field, self.clock.in_seconds(seconds))
        finally:
            self.hear()

    def pause(self, seconds: float) -> None:
        self.clock.pause(seconds)

    def restart_payer(self) -> None:
        """The payer's app died: a new one over what its purse has; the other's is as it was."""
        self.hear()
        self.pair.restart_payer()
        self.payer = PayerTap(self.pair.alia.paying, self.pair.payer)  # type: ignore[arg-type]
        self._take_place(self.payer, is_reader=self.payer_reads)

    def restart_payee(self) -> None:
        self.hear()
        self.pair.restart_payee()
        self.payee = PayeeTap(self.pair.shop.receiving, self.pair.payee)  # type: ignore[arg-type]
        self._take_place(self.payee, is_reader=not self.payer_reads)

    def _take_place(self, end: PayerTap | PayeeTap, *, is_reader: bool) -> None:
        if is_reader:
            self.tapper = Tapper(end, self.pause)
        else:
            self.card = Card(end)

    def until_over(
        self, before_each: Callable[[Taps], object] = lambda taps: None, most: int = 8
    ) -> list[TapEnd]:
        """Tap and say yes until both know that it is paid, or nothing more can be said; how the taps ended."""
        ends: list[TapEnd] = []
        while not self.is_paid and len(ends) < most:
            before_each(self)
            ends.append(self.tap())
            self.agree()
        return ends

    @property
    def is_paid(self) -> bool:
        """By the purses, whatever the sessions of the moment are."""
        return not self.pair.alia.open_payments() and self.pair.shop.money > 0

    def hear(self) -> None:
        payer: list[PayerEvent] = self.payer.events()
        payee: list[PayeeEvent] = self.payee.events()
        self.pair.said_payer += payer
        self.pair.said_payee += payee
        self.pair.payer, self.pair.payee = self.payer.session, self.payee.session

    def agree(self) -> None:
        """The payer's person says yes if asked."""
        if self.payer.session.state in (PayerState.REQUESTED, PayerState.CONFIRMED, PayerState.RESERVED):
            self.payer.session.confirm(self.pair.request.body.amount)
            self.hear()
