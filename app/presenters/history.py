"""What happened, and through whose hands the money went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.engine.engine import Engine, Work
from app.presenters.party import party_of
from app.presenters.pay import PayPresenter
from app.presenters.presenter import Presenter
from app.presenters.receive import ReceivePresenter
from app.presenters.views.common import Counterparty
from app.presenters.views.history import Hand, HistoryLine, HistoryView
from wallet.protocol.codes import Code
from wallet.purse.store.incoming import LEDGER
from wallet.purse.store.payments import UNANSWERED
from wallet.purse.view.balance import ChainLink
from wallet.purse.view.history import Event, EventKind


@dataclass(frozen=True, slots=True)
class _Chain:
    event: Event
    hands: tuple[Hand, ...]


class HistoryPresenter(Presenter[HistoryView]):
    """Newest first. ``show_again`` puts the chosen payment on the paying screen, or the receipt of one that was
    received on the receiving screen; the window opens that screen."""

    def __init__(self, engine: Engine, pay: PayPresenter, receive: ReceivePresenter) -> None:
        super().__init__(HistoryView(), engine)
        self._pay = pay
        self._receive = receive
        self._events: dict[bytes, Event] = {}

    def refresh(self) -> None:
        self._run("app_history.looking", _looked, self._looked)

    def _looked(self, found: tuple[tuple[Event, ...], Mapping[bytes, Counterparty]]) -> None:
        events, parties = found
        self._events = {event.id: event for event in events}
        lines = tuple(line_of(event, parties.get(event.id)) for event in reversed(events))
        open_ = self.view.chosen
        chosen = next((line for line in lines if open_ is not None and line.id == open_.id), None)
        self._show(lines=lines, chosen=chosen, can_show=chosen is not None and _can_show(chosen))

    def choose(self, id: bytes) -> None:  # noqa: A002
        """Open one line; its chain follows."""
        event = self._events.get(id)
        line = next((line for line in self.view.lines if line.id == id), None)
        if event is not None and line is not None:
            self._show(chosen=line, chain=(), can_show=_can_show(line))
            self._run("app_history.looking", lambda work: _chain(work, event), self._chained)

    def _chained(self, chain: _Chain) -> None:
        if self.view.chosen is not None and self.view.chosen.id == chain.event.id:
            self._show(chain=chain.hands)

    def back(self) -> None:
        self._show(chosen=None, chain=(), can_show=False)

    def show_again(self) -> None:
        line = self.view.chosen
        if line is not None and self.view.can_show:
            (self._pay.resume if line.kind == EventKind.PAID else self._receive.show_receipt)(line.id)


def _can_show(line: HistoryLine) -> bool:
    """A signed payment that nobody has answered may be shown again as often as needed, and so may the answer to one
    that its payer showed here and that named a request of ours."""
    if line.kind == EventKind.PAID:
        return line.state in UNANSWERED
    is_incoming = line.kind in (EventKind.RECEIVED, EventKind.REFUSED)
    return is_incoming and line.state != LEDGER and line.code != Code.REQUEST_UNKNOWN


def _looked(work: Work) -> tuple[tuple[Event, ...], Mapping[bytes, Counterparty]]:
    events = work.wallet.history()
    return events, parties_of(work, events)


def parties_of(work: Work, events: Iterable[Event]) -> Mapping[bytes, Counterparty]:
    """Whom payments of ours went to, by the event's id."""
    paying = work.wallet.paying
    found = (event.id for event in events if event.kind is EventKind.PAID and event.state != LEDGER)
    return {payment: party_of(paying.summary(payment).payee) for payment in found}


def line_of(event: Event, party: Counterparty | None) -> HistoryLine:
    """An event as a person sees it: what the pocket changed by, or else the amount that has moved nothing."""
    if party is None and event.wallet:
        party = Counterparty(event.who, event.wallet, "", bool(event.who))
    return HistoryLine(
        id=event.id,
        kind=event.kind.value,
        state=event.state,
        at=event.at,
        amount=abs(event.change) or event.amount,
        sign=(event.change > 0) - (event.change < 0),
        party=party,
        memo=event.memo,
        code=None if event.code is None else event.code.value,
        lost=event.lost,
        claim=event.claim,
    )


def _chain(work: Work, event: Event) -> _Chain:
    own = work.wallet.own_wallets()
    return _Chain(event, tuple(_hand(link, own) for link in work.wallet.chain_of(event)))


def _hand(link: ChainLink, own: frozenset[bytes]) -> Hand:
    return Hand(link.hop, link.at, link.amount, link.signer, link.bank, link.signer in own)
