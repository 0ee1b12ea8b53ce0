"""What a window needs of a house and a camera: presenters that hold views and note what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from app.camera.ports import Picture
from app.presenters.observed import Observed
from app.presenters.views.gate import StartView, UnlockView
from app.presenters.views.history import HistoryView
from app.presenters.views.home import HomeView
from app.presenters.views.ledger import FundsView, LostView, ReconcileView, RiskView
from app.presenters.views.pay import PayView
from app.presenters.views.receive import ReceiveView
from app.presenters.views.settings import SettingsView
from tests.app.window.sample_values import (
    DAY,
    NOW,
    POCKET,
)


class SamplePresenter(Observed[Any]):
    """Holds one view. Every intent is noted in ``asked``, and changes nothing."""

    def __init__(self, view: Any) -> None:
        super().__init__(view)
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)

        def intent(*given: Any) -> None:
            self.asked.append((name, *given))

        return intent

    def forget(self) -> None:
        """Going elsewhere asks for nothing."""

    def show(self, view: Any) -> None:
        """Another view, as a presenter would show it."""
        self._show(**{item.name: getattr(view, item.name) for item in fields(view)})


FIRST_VIEWS: Final[Mapping[str, Any]] = {
    "start": StartView(),
    "unlock": UnlockView(holder="Дана", is_open=True),
    "home": HomeView("Дана", "alatau", POCKET, 5_000_000, 14, NOW + 40 * DAY, NOW - DAY),
    "receive": ReceiveView(),
    "pay": PayView(),
    "history": HistoryView(),
    "reconcile": ReconcileView(),
    "funds": FundsView(account=5_000_000, balance=POCKET),
    "risk": RiskView(1_250_050, 320_000, NOW + 70 * DAY),
    "lost": LostView(),
    "settings": SettingsView(
        cameras=("0", "window:/run/pixels/bread"), readers=("auto", "udp:127.0.0.1:7300", "tty:ttyUSB0:pn532")
    ),
}


class SamplePresenters:
    """What the window needs of a house, out of views."""

    def __init__(self, **views: Any) -> None:
        self.all = {name: SamplePresenter(view) for name, view in {**FIRST_VIEWS, **views}.items()}

    def __getattr__(self, name: str) -> Any:
        """A `SamplePresenter`, which stands in for any."""
        try:
            return self.__dict__["all"][name]
        except KeyError:
            raise AttributeError(name) from None


class SampleCamera:
    """Sees one gray picture; notes whether it is on."""

    def __init__(self) -> None:
        self.is_on = False
        gray = bytes(60 + (x * 150 // 320 + y * 40 // 240) % 190 for y in range(240) for x in range(320))
        self._picture = Picture(1, 320, 240, gray)

    def start(
        self,
        seen: Callable[[str], None],
        trouble: Callable[[str | None], None],
        several: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.is_on = True
        self.seen, self.trouble, self.several = seen, trouble, several

    def stop(self) -> None:
        self.is_on = False

    def latest(self) -> Picture | None:
        return self._picture
