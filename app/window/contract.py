"""What the window needs of others: a presenter for each screen, and a camera.

Rule: every intent returns at once; its result comes as a new view, in the window's thread. A screen keeps nothing but
what its presenter shows, so that it can be drawn with any view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from app.camera.ports import Picture
from app.presenters.funds import FundsPresenter
from app.presenters.history import HistoryPresenter
from app.presenters.home import HomePresenter
from app.presenters.lost import LostPresenter
from app.presenters.pay import PayPresenter
from app.presenters.receive import ReceivePresenter
from app.presenters.reconcile import ReconcilePresenter
from app.presenters.risk import RiskPresenter
from app.presenters.settings import SettingsPresenter
from app.presenters.start import StartPresenter
from app.presenters.unlock import UnlockPresenter

V_co = TypeVar("V_co", covariant=True)


class Watched(Protocol[V_co]):
    """As app.presenters.observed.Observed."""

    @property
    def view(self) -> V_co: ...

    def watch(self, watcher: Callable[[V_co], None]) -> Callable[[], None]: ...

    def forget(self) -> None: ...


class Camera(Protocol):
    """As app.camera.scanner.Scanner: looks and decodes in a thread of its own while it is wanted, and calls back in the
    window's thread."""

    def start(
        self,
        seen: Callable[[str], None],
        trouble: Callable[[str | None], None],
        several: Callable[[tuple[str, ...]], None],
    ) -> None:
        """Begin to look; ``seen`` gets every text that is decoded, ``trouble`` a name of the catalogue or None,
        ``several`` the texts of all codes in view where they are of more than one message."""

    def stop(self) -> None: ...

    def latest(self) -> Picture | None:
        """The newest picture; returns at once."""


class Presenters(Protocol):
    """One for each screen, as app.presenters.container puts them together."""

    @property
    def start(self) -> StartPresenter: ...
    @property
    def unlock(self) -> UnlockPresenter: ...
    @property
    def home(self) -> HomePresenter: ...
    @property
    def receive(self) -> ReceivePresenter: ...
    @property
    def pay(self) -> PayPresenter: ...
    @property
    def history(self) -> HistoryPresenter: ...
    @property
    def reconcile(self) -> ReconcilePresenter: ...
    @property
    def funds(self) -> FundsPresenter: ...
    @property
    def risk(self) -> RiskPresenter: ...
    @property
    def lost(self) -> LostPresenter: ...
    @property
    def settings(self) -> SettingsPresenter: ...
