"""What would be lost with this device now."""

from __future__ import annotations

from app.engine.engine import Engine, Work
from app.presenters.presenter import Presenter
from app.presenters.views.ledger import RiskView
from wallet.purse.store.journal import PurseState
from wallet.purse.view.balance import Exposure


class RiskPresenter(Presenter[RiskView]):
    def __init__(self, engine: Engine) -> None:
        super().__init__(RiskView(), engine)

    def refresh(self) -> None:
        self._run("app_help.looking", _risk, self._found)

    def _found(self, found: tuple[Exposure, PurseState]) -> None:
        risk, state = found
        self._show(
            amount=risk.amount,
            unsettled=risk.unsettled,
            until=risk.until,
            is_doubtful=state is PurseState.ROLLED_BACK,
        )


def _risk(work: Work) -> tuple[Exposure, PurseState]:
    return work.wallet.risk(), work.wallet.state
