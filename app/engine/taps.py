"""Taps in a thread of their own: a device, this wallet behind it, and what the person should do next.

Rule: the device's thread only carries; everything the wallet says is said in the worker's thread. A tap that ends
early is followed by the next one by itself, until the screen is left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from app.engine.troubles import trouble_of
from app.engine.values import Role, TapStep, Trouble
from app.engine.worker import Worker, WorkerClosed
from wallet.protocol.codes import Code, Refusal
from wallet.transport.nfc import Card, CardDevice, Deadline, ReaderDevice, TapEnd, Tapper
from wallet.transport.nfc.ports import Reply

T = TypeVar("T")
ROUND: Final = 3_600.0
"""Seconds that a device waits in one go; leaving the screen ends it."""
TAP: Final = 30.0
"""Seconds that one tap may take, most of which a person may use to decide."""


BETWEEN: Final = 0.3
"""Seconds between two taps of a card that stays in the field and cannot be talked to."""


Rounds = Iterator[threading.Event | None]
"""Tap after tap, each when the next is asked for; an event is to be waited for before."""


class Side(Protocol):
    """``PayerTap`` and ``PayeeTap`` of `wallet.tapping`: card or reader alike."""

    @property
    def ref(self) -> bytes: ...

    @property
    def introduces(self) -> bool: ...

    @property
    def is_over(self) -> bool: ...

    @property
    def waits_for_person(self) -> bool: ...

    def to_send(self) -> bytes | None: ...

    def standing(self, ref: bytes) -> Reply: ...

    def take(self, message: bytes) -> Reply: ...

    def delivered(self, message: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Devices:
    """How devices are opened (`wallet.transport.nfc.devices`), and the time of taps. ``reader`` is the name of the
    device, in the words of `qalta app --help`; ``clock`` monotonic seconds; ``radio`` is open while the device of that
    name is used, for simulated ones that a switched-off network would silence."""

    open_reader: Callable[[str], ReaderDevice]
    open_card: Callable[[str], CardDevice]
    spawn: Callable[[Rounds], None]
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    radio: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext()


class Noticing:
    """The wallet's side of taps, in the worker's thread: ``noticed`` is called after whatever may have changed it.

    ``side`` gives the session of the moment: a screen may begin another one while the device waits.
    """

    def __init__(self, side: Callable[[], Side], noticed: Callable[[], None]) -> None:
        self._side = side
        self._noticed = noticed

    @property
    def ref(self) -> bytes:
        return self._side().ref

    @property
    def introduces(self) -> bool:
        return self._side().introduces

    @property
    def is_over(self) -> bool:
        return self._side().is_over

    @property
    def waits_for_person(self) -> bool:
        return self._side().waits_for_person

    def to_send(self) -> bytes | None:
        return self._changing(self._side().to_send)

    def standing(self, ref: bytes) -> Reply:
        return self._changing(lambda: self._side().standing(ref))

    def take(self, message: bytes) -> Reply:
        return self._changing(lambda: self._side().take(message))

    def delivered(self, message: bytes) -> None:
        self._changing(lambda: self._side().delivered(message))

    def _changing(self, job: Callable[[], T]) -> T:
        try:
            return job()
        finally:
            self._noticed()


class FromAfar:
    """A ``Conversation`` for the reader's thread: every question is a job of the worker's."""

    def __init__(self, worker: Worker, side: Side) -> None:
        self._call = worker.call
        self._side = side

    @property
    def ref(self) -> bytes:
        return self._call(lambda: self._side.ref)

    @property
    def introduces(self) -> bool:
        return self._call(lambda: self._side.introduces)

    @property
    def is_over(self) -> bool:
        return self._call(lambda: self._side.is_over)

    @property
    def waits_for_person(self) -> bool:
        return self._call(lambda: self._side.waits_for_person)

    def to_send(self) -> bytes | None:
        return self._call(self._side.to_send)

    def take(self, message: bytes) -> Reply:
        return self._call(lambda: self._side.take(message))

    def delivered(self, message: bytes) -> None:
        self._call(lambda: self._side.delivered(message))


_STEPS: Final = {
    TapEnd.PERSON_HERE: TapStep.WAITING,
    TapEnd.PERSON_THERE: TapStep.OTHER_DECIDES,
    TapEnd.NOTHING_THERE: TapStep.WAITING,
    TapEnd.TORN: TapStep.TAP_AGAIN,
}
News = TapStep | Trouble | None
"""What to show: the next step, a trouble, or None once it is over."""


@dataclass(slots=True)
class Taps:
    """One screen's taps. ``tell`` is called in the device's thread."""

    side: Side
    worker: Worker
    devices: Devices
    tell: Callable[[News], None]
    _stopped: threading.Event = field(default_factory=threading.Event)
    _decided: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self, role: Role, name: str, before: Taps | None = None) -> None:
        """``before``: the taps that hold the device until now; they are waited for in the new thread."""
        self.devices.spawn(self._rounds(role, name, before))

    def stop(self) -> None:
        """Let go of the device, soon. Nothing is told any more."""
        self._stopped.set()
        self._decided.set()

    def decided(self) -> None:
        """The person here has decided: a reader that waited for it reads on."""
        self._decided.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    @property
    def is_running(self) -> bool:
        return not (self.is_stopped or self._ended.is_set())

    def _rounds(self, role: Role, name: str, before: Taps | None) -> Rounds:
        try:
            if before is not None:
                yield before._ended
            if not self.is_stopped:
                with self.devices.radio(name):
                    yield from self._reader(name) if role is Role.READER else self._card(name)
        except WorkerClosed:
            pass
        except Exception as error:  # noqa: BLE001
            self._say(trouble_of(error))
        finally:
            self._ended.set()

    def _say(self, news: News) -> None:
        if not self.is_stopped:
            self.tell(news)

    def _until(self, seconds: float) -> Deadline:
        return Deadline(self.devices.clock, self.devices.clock() + seconds, self._stopped.is_set)

    # the reader

    def _reader(self, name: str) -> Rounds:
        device = self.devices.open_reader(name)
        tapper = Tapper(FromAfar(self.worker, self.side), self.devices.pause)
        self._say(TapStep.WAITING)
        while not self.is_stopped:
            self._decided.clear()
            end = self._read(device, tapper)
            if end is TapEnd.OVER:
                self._say(None)
                return
            if end is TapEnd.PERSON_HERE:
                # Nothing can be said before: a card left on the reader is not asked again and again.
                yield self._decided
                self._say(TapStep.TAP_AGAIN)
            else:
                if end in (None, TapEnd.TORN):
                    self.devices.pause(BETWEEN)
                yield None

    def _read(self, device: ReaderDevice, tapper: Tapper) -> TapEnd | None:
        """One card, if one comes."""
        with device.tap(self._until(ROUND)) as link:
            if link is None:
                return None
            self._say(TapStep.HOLD_STILL)
            try:
                end = tapper.tap(link, self._until(TAP))
            except Refusal as refusal:
                self._refused(refusal)
                return None
        if end in _STEPS:
            self._say(_STEPS[end])
        return end

    def _refused(self, refusal: Refusal) -> None:
        if refusal.code is Code.OTHER_WALLET:
            self._say(TapStep.OTHER_WALLET)
        else:
            self._say(trouble_of(refusal))
            self._say(TapStep.TAP_AGAIN)

    # the card

    def _card(self, name: str) -> Rounds:
        device = self.devices.open_card(name)
        card = Card(self.worker.behind_card(self.side))
        self._say(TapStep.WAITING)
        while not self.is_stopped:
            self._serve(device, card)
            yield None

    def _serve(self, device: CardDevice, card: Card) -> None:
        """One reader, if one comes. A card never knows whether its last answer arrived: it goes on until it is left."""
        is_asked = False

        def answer(command: bytes) -> bytes:
            nonlocal is_asked
            if not is_asked:
                is_asked = True
                self._say(TapStep.HOLD_STILL)
            return card.answer(command)

        if device.serve(answer, self._until(ROUND)):
            self._say(self.worker.call(self._next_step))

    def _next_step(self) -> News:
        if self.side.is_over:
            return None
        if self.side.waits_for_person or not self.side.to_send():
            return TapStep.WAITING
        return TapStep.TAP_AGAIN


def in_thread(rounds: Rounds) -> None:
    """A thread of its own, which keeps no process alive."""

    def run() -> None:
        for event in rounds:
            if event is not None:
                event.wait()

    threading.Thread(target=run, name="nfc", daemon=True).start()
