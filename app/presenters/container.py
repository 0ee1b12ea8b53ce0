"""All presenters of one wallet, put together once for a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.engine.engine import Engine
from app.engine.json_file import JsonFile
from app.engine.taps import Devices
from app.engine.values import Role
from app.presenters.carrying import Tapping
from app.presenters.dismissed import DismissedItems
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
from app.presenters.views.settings import TapReader


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContainer:
    """``close`` leaves every screen and closes the wallet."""

    engine: Engine
    start: StartPresenter
    unlock: UnlockPresenter
    home: HomePresenter
    receive: ReceivePresenter
    pay: PayPresenter
    history: HistoryPresenter
    reconcile: ReconcilePresenter
    funds: FundsPresenter
    risk: RiskPresenter
    lost: LostPresenter
    settings: SettingsPresenter

    def tick(self, now: int) -> None:
        """Every second, with the engine's ``now()``."""
        for presenter in self._with_time():
            presenter.tick(now)

    def _with_time(self) -> Iterator[UnlockPresenter | ReceivePresenter | PayPresenter]:
        yield from (self.unlock, self.receive, self.pay)

    def close(self) -> None:
        self.receive.leave()
        self.pay.leave()
        self.engine.close()


def assemble(
    engine: Engine,
    folder: Path,
    devices: Devices,
    *,
    holder: str = "",
    sandbox: Path | None = None,
    cameras: tuple[str, ...] = ("0",),
    readers: tuple[str, ...] = ("auto",),
) -> AppContainer:
    """``folder``: the wallet's, where settings are kept; ``sandbox``: where banks are offered at the first start."""
    file = JsonFile(folder / "app.json")
    settings = SettingsPresenter(engine, file, cameras, readers)
    aside = DismissedItems(engine, JsonFile(folder / "aside.json"))

    def reader() -> str:
        return settings.view.reader

    def role_of(side: TapReader) -> Role:
        return Role.READER if settings.view.tap_reader is side else Role.CARD

    pay = PayPresenter(engine, Tapping(devices, reader, lambda: role_of(TapReader.PAYER)))
    receive = ReceivePresenter(engine, Tapping(devices, reader, lambda: role_of(TapReader.PAYEE)), aside)
    return AppContainer(
        engine=engine,
        start=StartPresenter(engine, sandbox),
        unlock=UnlockPresenter(engine, holder),
        home=HomePresenter(engine, pay, receive, aside, file),
        receive=receive,
        pay=pay,
        history=HistoryPresenter(engine, pay, receive),
        reconcile=ReconcilePresenter(engine),
        funds=FundsPresenter(engine),
        risk=RiskPresenter(engine),
        lost=LostPresenter(engine),
        settings=settings,
    )
