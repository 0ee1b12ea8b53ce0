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
from typing import Final, TypeVar

from app.engine.troubles import trouble_of
from app.engine.values import Role, TapStep, Trouble
from app.engine.worker import Worker, WorkerClosed
from wallet.protocol.codes import Code, Refusal
from wallet.transport.nfc import Card, CardDevice, Deadline, ReaderDevice, TapEnd
from wallet.transport.nfc.loop import TapLoop
from wallet.transport.nfc.ports import Reply, Responder, TappedWallet

T = TypeVar("T")

Rounds = Iterator[threading.Event | None]
"""Tap after tap, each when the next is asked for; an event is to be waited for before."""


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


@dataclass(frozen=True, slots=True)
class TapSession:
    """This wallet behind a device, whose thread is another one: every question is a job of the worker's.

    ``wallet`` gives the session of the moment, since a screen may begin another one while the device waits; ``noticed``
    is called after whatever may have changed how things stand. Both belong to the worker's thread.
    """

    worker: Worker
    wallet: Callable[[], TappedWallet]
    noticed: Callable[[], None]

    @property
    def ref(self) -> bytes:
        return self.worker.call(lambda: self.wallet().ref)

    @property
    def introduces(self) -> bool:
        return self.worker.call(lambda: self.wallet().introduces)

    @property
    def is_over(self) -> bool:
        return self.worker.call(lambda: self.wallet().is_over)

    @property
    def waits_for_person(self) -> bool:
        return self.worker.call(lambda: self.wallet().waits_for_person)

    def to_send(self) -> bytes | None:
        return self.worker.call(lambda: self._noticing(self.wallet().to_send))

    def take(self, message: bytes) -> Reply:
        return self.worker.call(lambda: self._noticing(lambda: self.wallet().take(message)))

    def delivered(self, message: bytes) -> None:
        self.worker.call(lambda: self._noticing(lambda: self.wallet().delivered(message)))

    def behind_card(self) -> Responder:
        """For a card, which cannot wait for the worker."""
        return self.worker.behind_card(_Answering(self))

    def next_step(self) -> News:
        """What a person whose card was left by a reader should do; in the worker's thread."""
        wallet = self.wallet()
        if wallet.is_over:
            return None
        is_waited_for = wallet.waits_for_person or not self._noticing(wallet.to_send)
        return TapStep.WAITING if is_waited_for else TapStep.TAP_AGAIN

    def _noticing(self, job: Callable[[], T]) -> T:
        try:
            return job()
        finally:
            self.noticed()


@dataclass(frozen=True, slots=True)
class _Answering:
    """A side in the worker's own thread."""

    side: TapSession

    def current_message(self, ref: bytes) -> Reply:
        return self.side._noticing(lambda: self.side.wallet().current_message(ref))

    def take(self, message: bytes) -> Reply:
        return self.side._noticing(lambda: self.side.wallet().take(message))


_STEPS: Final[dict[TapEnd, TapStep | None]] = {
    TapEnd.PERSON_HERE: TapStep.WAITING,
    TapEnd.PERSON_THERE: TapStep.OTHER_DECIDES,
    TapEnd.NOTHING_THERE: TapStep.WAITING,
    TapEnd.TORN: TapStep.TAP_AGAIN,
    TapEnd.OVER: None,
}
News = TapStep | Trouble | None
"""What to show: the next step, a trouble, or None once it is over."""


@dataclass(slots=True)
class Taps:
    """One screen's taps. ``tell`` is called in the device's thread."""

    side: TapSession
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

    def _loop(self) -> TapLoop:
        self._say(TapStep.WAITING)
        return TapLoop(self._until, self.devices.pause, lambda: self._say(TapStep.HOLD_STILL))

    def _reader(self, name: str) -> Rounds:
        device = self.devices.open_reader(name)
        self._decided.clear()
        for end in self._loop().as_reader(device, self.side):
            self._tell_end(end)
            if end is TapEnd.PERSON_HERE:
                # Nothing can be said before: a card left on the reader is not asked again and again.
                yield self._decided
                self._say(TapStep.TAP_AGAIN)
            elif end is not TapEnd.OVER:
                yield None
            self._decided.clear()

    def _tell_end(self, end: TapEnd | Refusal | None) -> None:
        if isinstance(end, TapEnd):
            self._say(_STEPS[end])
        elif isinstance(end, Refusal) and end.code is Code.OTHER_WALLET:
            self._say(TapStep.OTHER_WALLET)
        elif end is not None:
            self._say(trouble_of(end))
            self._say(TapStep.TAP_AGAIN)

    def _card(self, name: str) -> Rounds:
        device = self.devices.open_card(name)
        for is_met in self._loop().as_card(device, Card(self.side.behind_card()).answer):
            if is_met:
                self._say(self.side.worker.call(self.side.next_step))
            yield None


def in_thread(rounds: Rounds) -> None:
    """A thread of its own, which keeps no process alive."""

    def run() -> None:
        for event in rounds:
            if event is not None:
                event.wait()

    threading.Thread(target=run, name="nfc", daemon=True).start()
