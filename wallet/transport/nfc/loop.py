"""Tap after tap until all is said, as the reader or as the card: the one loop behind windows and commands.

Rule: a tap may end anywhere, and the next one goes on; any wallet may come in between. Nothing is decided here: whoever
drives the loop lets its person decide before it asks for the next tap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from wallet.protocol.codes import Refusal
from wallet.transport.nfc.ports import CardDevice, Conversation, Deadline, ReaderDevice, ReaderLink
from wallet.transport.nfc.tap import TapEnd, Tapper

ROUND: Final = 3_600.0
"""Seconds that a device waits in one go; then it is asked again."""
TAP: Final = 30.0
"""Seconds that one tap may take, most of which the person there may use to decide."""
BETWEEN: Final = 0.3
"""Seconds between two taps: a card that stays in the field is not asked without a breath."""


@dataclass(frozen=True, slots=True)
class TapLoop:
    """``until`` gives the deadline so many seconds from now, or what whoever drives the loop has instead; over at once
    when it is stopped. ``pause`` waits so many seconds; ``met`` is called when another device has come, in the device's
    thread."""

    until: Callable[[float], Deadline]
    pause: Callable[[float], None]
    met: Callable[[], None]

    def as_reader(
        self,
        device: ReaderDevice,
        wallet: Conversation,
        person_there: Callable[[], None] = lambda: None,
    ) -> Iterator[TapEnd | Refusal | None]:
        """How each tap ended (None: nobody came), until one ends OVER or the time has. ``person_there``: called again
        and again while the person there decides.

        A ``Refusal`` ends its tap and no more: NOT_A_WALLET, LINK_GARBLED, OTHER_WALLET. Raises ``DeviceError``.
        """

        def waiting(seconds: float) -> None:
            person_there()
            self.pause(seconds)

        tapper = Tapper(wallet, waiting)
        while self.until(ROUND).left() > 0:
            with device.tap(self.until(ROUND)) as link:
                end = None if link is None else self._tapped(tapper, link)
            yield end
            if end is TapEnd.OVER:
                return
            if end is not None and end is not TapEnd.PERSON_HERE:
                self.pause(BETWEEN)

    def _tapped(self, tapper: Tapper, link: ReaderLink) -> TapEnd | Refusal:
        self.met()
        try:
            return tapper.tap(link, self.until(TAP))
        except Refusal as refusal:
            return refusal

    def as_card(self, device: CardDevice, answer: Callable[[bytes], bytes]) -> Iterator[bool]:
        """Whether a reader came and went, each time one has or the device waited for long, until the time is over.
        ``answer``: one APDU in, one out, in the device's thread. Raises ``DeviceError``, and what ``answer`` raises.

        A card never knows whether its last answer arrived: it goes on until it is left.
        """
        while self.until(ROUND).left() > 0:
            yield device.serve(self._noticing(answer), self.until(ROUND))

    def _noticing(self, answer: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        is_met = False

        def heard(command: bytes) -> bytes:
            nonlocal is_met
            if not is_met:
                is_met = True
                self.met()
            return answer(command)

        return heard
