"""Holding two devices together until a payment is over, in one thread with the person: as the reader or as the card.

Rule: what stands is the flow's. Only time in which nobody here decides counts against the seconds that were given. What
a person is told is told once, as long as it stays the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from wallet.protocol.codes import Refusal
from wallet.transport.nfc import Card, CardDevice, Deadline, Mailbox, ReaderDevice, Serving, TapEnd
from wallet.transport.nfc.loop import TapLoop
from wallet.transport.nfc.ports import TappedWallet

LINGER: Final = 1.0
"""Seconds without an APDU after which a card that has said all takes its reader for gone."""
LAST_WORD: Final = 15.0
"""Seconds that are left for the other side to take what it still lacks, once it is over here."""
_ASKING: Final = 0.1


class HoldingStep(StrEnum):
    """What the person who holds the device should know."""

    WAIT_AS_READER = "wait_as_reader"
    WAIT_AS_CARD = "wait_as_card"
    HOLD_STILL = "hold_still"
    TORN = "torn"
    PERSON_THERE = "person_there"
    NOTHING_THERE = "nothing_there"


_BEFORE_ANYTHING: Final = (
    None,
    HoldingStep.WAIT_AS_READER,
    HoldingStep.WAIT_AS_CARD,
    HoldingStep.TORN,
    HoldingStep.PERSON_THERE,
)
"""What was said last where a wallet that comes is news; one that stays in the field and leads nowhere is told once."""


class TapParticipant(Protocol):
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
    what went wrong at the last tap, if anything did. ``has_said_all``: nothing waits here to be handed over.

    ``tell`` hears what the person should know; ``seconds``: how long to wait in all; ``clock``: monotonic seconds.
    """

    def __init__(
        self,
        party: TapParticipant,
        tell: Callable[[HoldingStep | Refusal], None],
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
        self._tell = tell
        self._clock = clock
        self._pause = pause
        self._until = clock() + seconds
        self._is_last_word = False
        self._said: str | None = None

    # either end

    def _deadline(self, _: float) -> Deadline:
        """However long a tap may usually take: the person there may decide as long as anybody waits here."""
        return Deadline(self._clock, self._until)

    @property
    def _has_time(self) -> bool:
        return self._clock() < self._until

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
        self.refused = refusal
        self._say(refusal)

    def _say(self, news: HoldingStep | Refusal) -> None:
        name = news.code.value if isinstance(news, Refusal) else news.value
        if name != self._said:
            self._tell(news)
        self._said = name

    def _met(self, taps: int) -> None:
        if taps <= self.taps:
            return
        self.taps = taps
        self._began = self._clock() if self._began is None else self._began
        if self._said in _BEFORE_ANYTHING:
            self._say(HoldingStep.HOLD_STILL)
        self.refused = None

    def _note_time(self, now: float) -> None:
        if self._began is not None:
            self.milliseconds = round((now - self._began) * 1_000)

    # the reader

    def as_reader(self, device: ReaderDevice) -> None:
        """Until all is said, or the seconds are over. Raises what ``hear`` raises; ``DeviceError``."""
        self._hear()
        loop = TapLoop(self._deadline, self._pause, lambda: self._met(self.taps + 1))
        self._say(HoldingStep.WAIT_AS_READER)
        for end in loop.as_reader(device, self._party.tap, lambda: self._say(HoldingStep.PERSON_THERE)):
            self._note_time(self._clock())
            self.has_said_all = self._party.tap.is_over
            self._hear()
            self._after(end)

    def _after(self, end: TapEnd | Refusal | None) -> None:
        if isinstance(end, Refusal):
            self._pass_over(end)
        elif end is TapEnd.TORN:
            self._say(HoldingStep.TORN)
        elif end is TapEnd.NOTHING_THERE and self.refused is None:
            self._say(HoldingStep.NOTHING_THERE)

    # the card

    def as_card(self, device: CardDevice) -> None:
        """Until all is said, or the seconds are over. Raises what ``hear`` raises; ``DeviceError``."""
        mailbox = Mailbox()
        card = Card(mailbox)
        self._say(HoldingStep.WAIT_AS_CARD)
        with Serving(device, card.answer, self._clock) as serving:
            try:
                self._hear()
                self._answer_until(
                    lambda: self._party.is_done and self._is_quiet(card, serving),
                    mailbox,
                    serving,
                    self._hear,
                )
            except Refusal:
                # This reader shall hear why before the card goes; whoever comes then finds nobody.
                self._until = min(self._until, self._clock() + LAST_WORD)
                self._answer_until(
                    lambda: not serving.is_met or self._is_quiet(card, serving), mailbox, serving, _nothing
                )
                raise

    def _answer_until(
        self, is_over: Callable[[], bool], mailbox: Mailbox, serving: Serving, after: Callable[[], None]
    ) -> None:
        while not is_over() and self._has_time:
            serving.check()
            mailbox.answer_next(self._party.tap, _ASKING)
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
