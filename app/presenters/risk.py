"""What would be lost with this device now."""

from __future__ import annotations

from app.engine.engine import Engine
from app.presenters.presenter import Presenter
from app.presenters.views import RiskView
from wallet.purse.reading import Risk


class RiskPresenter(Presenter[RiskView]):
    def __init__(self, engine: Engine) -> None:
        super().__init__(RiskView(), engine)

    def refresh(self) -> None:
        self._run("app_help.looking", lambda work: work.wallet.risk(), self._found)

    def _found(self, risk: Risk) -> None:
        self._show(amount=risk.amount, unsettled=risk.unsettled, until=risk.until)
