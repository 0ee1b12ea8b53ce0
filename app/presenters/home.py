"""Home: what can be spent, how far it goes, and what is to be gone on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.engine.engine import Engine, Work
from app.engine.json_file import JsonFile
from app.presenters.dismissed import DismissedItems
from app.presenters.party import party_of
from app.presenters.pay import PayPresenter
from app.presenters.presenter import Presenter
from app.presenters.receive import ReceivePresenter
from app.presenters.views.home import HomeView, Unfinished
from wallet.protocol.request import request_ref
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState
from wallet.purse.view.balance import Balance
from wallet.purse.view.outlook import Outlook

_NETWORK: Final = "is_network_on"


@dataclass(frozen=True, slots=True)
class _Found:
    holder: str
    bank: str
    balance: Balance
    outlook: Outlook
    is_rolled_back: bool
    account: int | None
    unfinished: tuple[Unfinished, ...]


class HomePresenter(Presenter[HomeView]):
    """``go_on`` puts the payment or request on its screen; the window opens that screen. The network stays off over a
    restart: ``file`` keeps it."""

    def __init__(
        self,
        engine: Engine,
        pay: PayPresenter,
        receive: ReceivePresenter,
        aside: DismissedItems,
        file: JsonFile,
    ) -> None:
        engine.set_network(file.read().get(_NETWORK) is not False)
        super().__init__(HomeView(is_network_on=engine.is_network_on), engine)
        self._pay = pay
        self._receive = receive
        self._aside = aside
        self._file = file

    def refresh(self) -> None:
        self._run("app_home.looking", _found, self._found)

    def _found(self, found: _Found) -> None:
        outlook = found.outlook
        self._show(
            holder=found.holder,
            bank=found.bank,
            balance=found.balance,
            account=found.account,
            hops_left=outlook.hops_left,
            expires=outlook.expires,
            offline_since=outlook.offline_since,
            is_network_on=self._engine.is_network_on,
            is_rolled_back=found.is_rolled_back,
            unfinished=tuple(item for item in found.unfinished if item.id not in self._aside),
        )

    def set_network(self, on: bool) -> None:
        """Off: this process reaches nobody."""
        self._engine.set_network(on)
        self._show(is_network_on=on)
        self._put(self._file, {_NETWORK: on})

    def go_on(self, id: bytes) -> None:  # noqa: A002
        for item in self.view.unfinished:
            if item.id == id:
                (self._pay if item.is_payment else self._receive).resume(id)

    def drop(self, id: bytes) -> None:  # noqa: A002
        """An unsigned payment is given up; a request is asked for no more; of a signed payment, whose money is the
        payee's, only the reminder goes."""
        for item in self.view.unfinished:
            if item.id != id:
                continue
            if item.is_payment and not item.is_signed:
                self._run("app_home.looking", lambda work: _dropped(work, id), self._found)
            elif item.is_payment:
                self._aside.put(id)
                self.refresh()
            else:
                self._run("app_home.looking", lambda work: _cancelled(work, id), self._found)


def _cancelled(work: Work, request: bytes) -> _Found:
    work.wallet.requests.cancel(request)
    return _found(work)


def _dropped(work: Work, payment: bytes) -> _Found:
    work.wallet.paying.drop(payment)
    return _found(work)


def _found(work: Work) -> _Found:
    wallet, profile = work.wallet, work.opened.profile
    return _Found(
        profile.name,
        profile.bank,
        wallet.balance(),
        wallet.outlook(),
        wallet.state is PurseState.ROLLED_BACK,
        work.account,
        (*_payments(work), *_requests(work)),
    )


def _payments(work: Work) -> list[Unfinished]:
    return [
        Unfinished(
            item.id, True, item.amount, party_of(item.payee), item.at, item.state is not PaymentState.RESERVED
        )
        for item in work.wallet.unfinished()
    ]


def _requests(work: Work) -> list[Unfinished]:
    receiving = work.wallet.receiving
    refs = [(request_ref(item), item.body.amount) for item in receiving.unanswered()]
    return [Unfinished(ref, False, amount, None, receiving.asked_at(ref) or 0) for ref, amount in refs]
