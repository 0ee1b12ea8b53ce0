"""Holding two devices together until a payment is over: as the reader or as the card, tap after tap.

Rule: a tap may end anywhere, and any wallet may come in between; what stands is the session's and the purse's. Only
time in which nobody here decides counts against the seconds that were given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from app.cli.show import Show
from wallet.protocol.codes import Refusal
from wallet.transport.nfc import (
    Card,
    CardDevice,
    Deadline,
    Desk,
    ReaderDevice,
    ReaderLink,
    Serving,
    TapEnd,
    Tapper,
)
from wallet.transport.nfc.ports import TappedWallet

LINGER: Final = 1.0
"""Seconds without an APDU after which a card that has said all takes its reader for gone."""
LAST_WORD: Final = 15.0
"""Seconds that are left for the other side to take what it still lacks, once it is over here."""
_ASKING: Final = 0.1
_BETWEEN: Final = 0.2
"""Seconds between two taps: a card that stays in the field is not asked without a breath."""
_SAID_ONCE: Final = ("", "tap.wait_as_reader", "tap.wait_as_card", "tap.torn", "tap.person_there")


class Party(Protocol):
    """A wallet and its person, whichever end they hold."""

    @property
    def tap(self) -> TappedWallet: ...

    @property
    def is_done(self) -> bool:
        """Nothing more can happen here; the other side may still lack the last word."""

    def hear(self) -> list[Refusal]:
        """Tell what has happened and ask the person where one is needed; what strangers or the other side got wrong,
        which ends nothing. Raises ``Refusal`` and ``KeystoreError`` where it cannot go on."""


class Holding:
    """``taps``: how often the devices met. ``milliseconds``: from the first time until the last word. ``refused``:
    what went wrong at the last tap, if anything did. ``has_said_all``: nothing waits here to be handed over."""

    def __init__(
        self,
        party: Party,
        show: Show,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.taps = 0
        self.milliseconds = 0
        self.refused: Refusal | None = None
        self.has_said_all = False
        self._began: float | None = None
        self._party = party
        self._show = show
        self._clock = clock
        self._pause = pause
        self._until = clock() + seconds
        self._is_last_word = False
        self._said = ""

    # either end

    def _deadline(self) -> Deadline:
        return Deadline(self._clock, self._until)

    def _hear(self) -> None:
        began = self._clock()
        refusals = self._party.hear()
        self._until += self._clock() - began
        for refusal in refusals:
            self._pass_over(refusal)
        if self._party.is_done and not self._is_last_word:
            self._is_last_word = True
            self._until = min(self._until, self._clock() + LAST_WORD)

    def _pass_over(self, refusal: Refusal) -> None:
        """Told once, as long as it stays the same."""
        self.refused = refusal
        if self._said != refusal.code.value:
            self._show.told(self._show.catalogue.tell(refusal.code.value, refusal.facts))
        self._said = refusal.code.value

    def _say(self, name: str) -> None:
        if name != self._said:
            self._show.step(name)
        self._said = name

    def _met(self, taps: int) -> None:
        """A wallet that stays in the field and leads nowhere is told of once."""
        if taps <= self.taps:
            return
        self.taps = taps
        self._began = self._clock() if self._began is None else self._began
        if self._said in _SAID_ONCE:
            self._say("tap.hold_still")
        self.refused = None

    def _note_time(self, now: float) -> None:
        if self._began is not None:
            self.milliseconds = round((now - self._began) * 1_000)

    # the reader

    def as_reader(self, device: ReaderDevice) -> None:
        """Until all is said, or the seconds are over. Raises what ``hear`` raises; ``DeviceError``."""
        self._hear()
        tapper = Tapper(self._party.tap, self._person_decides)
        self._say("tap.wait_as_reader")
        while not self._party.tap.is_over and self._deadline().left() > 0:
            with device.tap(self._deadline()) as link:
                end = None if link is None else self._tapped(tapper, link)
            self._note_time(self._clock())
            self.has_said_all = self._party.tap.is_over
            self._hear()
            if end is not None:
                self._after(end)

    def _tapped(self, tapper: Tapper, link: ReaderLink) -> TapEnd | Refusal:
        self._met(self.taps + 1)
        try:
            return tapper.tap(link, self._deadline())
        except Refusal as refusal:
            return refusal

    def _after(self, end: TapEnd | Refusal) -> None:
        if isinstance(end, Refusal):
            self._pass_over(end)
        elif end is TapEnd.TORN:
            self._say("tap.torn")
        elif end is TapEnd.NOTHING_THERE and self.refused is None:
            self._say("tap.nothing_there")
        if end is not TapEnd.OVER:
            self._pause(_BETWEEN)

    def _person_decides(self, seconds: float) -> None:
        """The wallet in the field is not ready: its person decides."""
        self._say("tap.person_there")
        self._pause(seconds)

    # the card

    def as_card(self, device: CardDevice) -> None:
        """Until all is said, or the seconds are over. Raises what ``hear`` raises; ``DeviceError``."""
        desk = Desk()
        card = Card(desk)
        self._say("tap.wait_as_card")
        with Serving(device, card.answer, self._clock) as serving:
            try:
                self._hear()
                self._answer_until(
                    lambda: self._party.is_done and self._is_quiet(card, serving), desk, serving, self._hear
                )
            except Refusal:
                # This reader shall hear why before the card goes; whoever comes then finds nobody.
                self._until = min(self._until, self._clock() + LAST_WORD)
                self._answer_until(
                    lambda: not serving.is_met or self._is_quiet(card, serving), desk, serving, _nothing
                )
                raise

    def _answer_until(
        self, is_over: Callable[[], bool], desk: Desk, serving: Serving, after: Callable[[], None]
    ) -> None:
        while not is_over() and self._deadline().left() > 0:
            serving.check()
            desk.answer_next(self._party.tap, _ASKING)
            self._met(serving.taps)
            after()

    def _is_quiet(self, card: Card, serving: Serving) -> bool:
        """All was said, and nobody has asked for anything since."""
        if serving.heard_at is None:
            return False
        self._note_time(serving.heard_at)
        self.has_said_all = card.has_said_all
        return self.has_said_all and self._clock() - serving.heard_at >= LINGER


def _nothing() -> None:
    return None
