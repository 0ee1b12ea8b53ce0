"""Reconciling, and what it found."""

from __future__ import annotations

from dataclasses import dataclass, fields

from app.engine.engine import Engine, Ticket, Work
from app.presenters.history import line_of, parties_of
from app.presenters.presenter import Presenter
from app.presenters.views.history import HistoryLine
from app.presenters.views.ledger import Conflicted, ReconcileView
from ledger_sync.client import Report, reconcile
from ledger_sync.client.reconcile import Step
from wallet.protocol.evidence import Evidence
from wallet.purse.store.journal import PurseState
from wallet.purse.view.balance import Balance


@dataclass(frozen=True, slots=True)
class _Reconciled:
    report: Report
    before: Balance
    after: Balance
    account: int | None
    losses: tuple[HistoryLine, ...]
    is_rolled_back: bool
    clock: tuple[int, int] | None


class ReconcilePresenter(Presenter[ReconcileView]):
    """What an interrupted reconciling did stays done; the next one goes on."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(ReconcileView(), engine)
        self._ticket: Ticket | None = None

    def forget(self) -> None:
        """What was found, and what was refused, is of the visit that saw it."""
        if not self._is_busy:
            self._clear()

    def _clear(self) -> None:
        fresh = ReconcileView(account=self.view.account)
        self._show(**{item.name: getattr(fresh, item.name) for item in fields(fresh) if item.name != "busy"})

    def start(self) -> None:
        if not self._is_busy:
            self._clear()
            self._ticket = self._run("sync.policy", _reconciled, self._done, calls=True)

    def cancel(self) -> None:
        """After the step that is under way; a call at once."""
        if self._ticket is not None:
            self._ticket.cancel()

    def _done(self, done: _Reconciled) -> None:
        report = done.report
        self._show(
            is_done=True,
            verdicts=tuple(report.verdicts().items()),
            conflicts=tuple(_conflicted(item) for item in report.evidence),
            losses=done.losses,
            expired=report.expired,
            is_rolled_back=done.is_rolled_back,
            clock=done.clock,
            refreshed=report.refreshed,
            before=done.before,
            after=done.after,
            account=done.account,
        )


def _reconciled(work: Work) -> _Reconciled:
    def tell(step: Step, count: int) -> None:
        work.tell(f"sync.{step.value}", 0, count)

    before = work.wallet.balance()
    with work.bank() as bank:
        report = reconcile(work.wallet, bank, tell)
        work.check()
        account = work.account_afterwards(bank)
    wallet = work.wallet
    return _Reconciled(
        report=report,
        before=before,
        after=wallet.balance(),
        account=account,
        losses=_losses(work),
        is_rolled_back=wallet.state is PurseState.ROLLED_BACK,
        clock=_clock(wallet.dating.now(), report.clock_wrong_by),
    )


def _clock(right: int, wrong_by: int) -> tuple[int, int] | None:
    """What the device's own clock says, and what it should."""
    return (right + wrong_by, right) if wrong_by else None


def _losses(work: Work) -> tuple[HistoryLine, ...]:
    events = [event for event in work.wallet.history() if event.lost]
    parties = parties_of(work, events)
    return tuple(line_of(event, parties.get(event.id)) for event in reversed(events))


def _conflicted(evidence: Evidence) -> Conflicted:
    body = evidence.certificate.body
    return Conflicted(evidence.kind.name.lower(), body.key, body.wallet, body.bank)
