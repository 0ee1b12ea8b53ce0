"""What paying and receiving share: codes seen by the camera, and taps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from app.engine.engine import Engine
from app.engine.taps import Devices, News, Taps, TapSession
from app.engine.values import Role, TapStep, Trouble
from app.presenters.in_view import InViewNames
from app.presenters.observed import V
from app.presenters.presenter import Presenter
from app.presenters.views.carrying import Carrier, Scanning
from app.presenters.views.pay import PayView
from app.presenters.views.receive import ReceiveView
from wallet.transport.nfc.ports import TappedWallet
from wallet.transport.qr import FrameReceiver, Outcome

S = TypeVar("S")
_NOT_OURS: Final = (Outcome.FOREIGN,)
LONG: Final = 10
"""Seconds of waiting for a tap after which the person is told how it may be helped."""


@dataclass(frozen=True, slots=True)
class Tapping:
    """How taps are made: the devices, the name of the one that settings chose, and the role that
    they give to this side at first."""

    devices: Devices
    reader: Callable[[], str]
    role: Callable[[], Role]


class CarryingPresenter(Presenter[V], ABC):
    """``_heard`` gets whole messages that a camera saw; ``_ends`` is for taps."""

    def __init__(self, view: V, engine: Engine, tapping: Tapping) -> None:
        super().__init__(view, engine)
        self._tapping = tapping
        self._frames = FrameReceiver()
        self._named = InViewNames()
        self._taps: Taps | None = None
        self._waiting_since: int | None = None

    # to be said by paying and receiving

    @abstractmethod
    def _heard(self, message: bytes) -> None: ...

    @abstractmethod
    def _ends(self) -> tuple[Callable[[], TappedWallet], Callable[[], None]]:
        """For the taps of this visit, both called in the worker's thread: the wallet's side, and what is to be done
        whenever a tap may have changed how things stand."""

    def _telling(self, standing: Callable[[], S], show: Callable[[S], None]) -> Callable[[], None]:
        """Shows what ``standing`` says, in the worker's thread, whenever it says something else than before."""
        visit, engine = self._visit, self._engine
        last: S | None = None

        def noticed() -> None:
            nonlocal last
            news = standing()
            if news != last:
                last = news
                engine.post(lambda: show(news) if visit == self._visit else None)

        return noticed

    # the camera

    @property
    def _carried(self) -> PayView | ReceiveView:
        view = self.view
        assert isinstance(view, (PayView, ReceiveView))
        return view

    def seen(self, text: str) -> None:
        """The text of a code that the camera read. Messages may come in many parts, in any order."""
        progress = self._frames.add(text)
        if progress.outcome not in _NOT_OURS or self._carried.scanning.several:
            self._show(scanning=Scanning(True, progress.rank, progress.needed))
        message = self._frames.message
        if progress.outcome is Outcome.COMPLETE and message is not None:
            self._heard(message)

    def several(self, texts: tuple[str, ...]) -> None:
        """Codes of more than one message are in view: all are named, none is taken."""
        scanning = self._carried.scanning
        named = self._named.codes(texts)
        self._show(scanning=Scanning(True, scanning.rank, scanning.needed, several=named))

    def camera(self, trouble: str | None) -> None:
        """Why there is no camera (a name of the catalogue); None once pictures come."""
        scanning = self._carried.scanning
        self._show(scanning=Scanning(trouble is None, scanning.rank, scanning.needed, trouble))

    def _look_anew(self) -> None:
        """Forget what was seen: the same code may be shown again."""
        self._frames.reset()
        scanning = self._carried.scanning
        self._show(scanning=Scanning(scanning.is_seeing, 0, 0, scanning.camera_trouble))

    # taps

    def choose(self, carrier: Carrier) -> None:
        """By code or by tap; what is under way goes on."""
        self._show(carrier=carrier, trouble=None)
        if carrier is Carrier.TAP:
            self._tap()
        else:
            self._stop_taps()

    def _tap(self) -> None:
        """Start the device, if the screen is in a step that taps."""
        before, engine = self._taps, self._engine
        if before is not None and before.is_running:
            return
        role = self._carried.role or self._tapping.role()
        side = TapSession(engine.worker, *self._ends())
        taps = Taps(side, self._tapping.devices, lambda news: self._told(taps, news))
        self._taps = taps
        self._show(role=role)
        taps.start(role, self._tapping.reader(), before)

    def change_sides(self) -> None:
        """For this visit: what read is read, and the other way round."""
        if self._carried.role is not None:
            self._stop_taps()
            self._show(role=Role.CARD if self._carried.role is Role.READER else Role.READER, trouble=None)
            self._tap()

    def _tick_tap(self, now: int) -> None:
        """Every second: is anybody near?"""
        if self._carried.tap is not TapStep.WAITING:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since >= LONG:
            self._show(tap=TapStep.NOBODY)

    def _told(self, taps: Taps, news: News) -> None:
        """In the device's thread."""

        def show() -> None:
            if taps is self._taps and not taps.is_stopped:
                self._tapped(news)

        self._engine.post(show)

    def _tapped(self, news: News) -> None:
        if isinstance(news, Trouble):
            self._show(trouble=news)
        else:
            self._show(tap=news)

    def _decided(self) -> None:
        if self._taps is not None:
            self._taps.decided()

    def _stop_taps(self) -> None:
        if self._taps is not None:
            self._taps.stop()
        self._show(tap=None)
