"""Holding two devices together: the person is asked between taps, torn taps go on, and only time in which nobody here
decides counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flow.test_flows import AMOUNT, Market
from tests.transport.nfc.taps import Clock, Cut, Field, uncut
from wallet.flow import Came, PayFlow, ReceiveFlow
from wallet.flow.holding import Holding, HoldingStep
from wallet.protocol.codes import Code, Refusal
from wallet.session import PayeeState, PayerState
from wallet.transport.nfc import Card, Deadline, ReaderLink
from wallet.transport.nfc.ports import TappedWallet

Said = HoldingStep | Refusal
SECONDS = 60.0


class Reader:
    """A device into whose field the next card of ``cards`` comes, until there is none; then its time runs out."""

    def __init__(self, clock: Clock, *cards: tuple[Card, Cut]) -> None:
        self._clock = clock
        self._cards = list(cards)

    @contextmanager
    def tap(self, deadline: Deadline) -> Iterator[ReaderLink | None]:
        if not self._cards:
            self._clock.pause(deadline.left())
            yield None
            return
        yield Field(*self._cards.pop(0))


class Shop:
    """The payee's side, which needs no person."""

    def __init__(self, flow: ReceiveFlow) -> None:
        self.flow = flow
        self.came: list[Came] = []

    @property
    def tap(self) -> TappedWallet:
        return self.flow.tap

    @property
    def is_done(self) -> bool:
        return self.flow.tap.session.state in (PayeeState.STORED, PayeeState.ACKNOWLEDGED)

    def hear(self) -> list[Refusal]:
        status = self.flow.status()
        self.came += status.came
        return list(status.objections)


class Customer:
    """The payer's side; the person takes ``seconds`` to say yes."""

    def __init__(self, flow: PayFlow, gate: Callable[[], None], think: Callable[[], None]) -> None:
        self.flow, self._gate, self._think = flow, gate, think

    @property
    def tap(self) -> TappedWallet:
        return self.flow.tap

    @property
    def is_done(self) -> bool:
        return self.flow.tap.is_over

    def hear(self) -> list[Refusal]:
        status = self.flow.status()
        if status.state is PayerState.REQUESTED:
            self._think()
            self.flow.confirm(AMOUNT, self._gate)
        return list(status.objections)


def cut_at(number: int, when: str) -> Cut:
    return lambda count: when if count == number else None


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    market = Market(tmp_path)
    yield market
    market.net.close()


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_payer_who_reads_is_asked_between_two_taps_and_a_torn_one_goes_on(
    market: Market, number: int, when: str
) -> None:
    clock, said = Clock(), list[Said]()
    shop = market.asks()
    customer = Customer(PayFlow(market.aigul), market.gate, lambda: clock.pause(10 * SECONDS))
    card = Card(shop.tap)
    holding = Holding(customer, said.append, SECONDS, clock, clock.pause)
    cuts = [cut_at(number, when), *[uncut] * 4]
    holding.as_reader(Reader(clock, *((card, cut) for cut in cuts)))
    assert (holding.has_said_all, customer.flow.status().state) == (True, PayerState.ACKNOWLEDGED)
    assert market.berik.balance().held == AMOUNT
    assert said[:2] == [HoldingStep.WAIT_AS_READER, HoldingStep.HOLD_STILL]
    assert (HoldingStep.TORN in said) == (holding.taps > 2)


def test_a_payee_who_reads_is_done_with_the_receipt_handed_over(market: Market) -> None:
    clock, said = Clock(), list[Said]()
    shop, payer = Shop(market.asks()), PayFlow(market.aigul)

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        if payer.status().state is PayerState.REQUESTED:
            payer.confirm(AMOUNT, market.gate)

    holding = Holding(shop, said.append, SECONDS, clock, pause)
    holding.as_reader(Reader(clock, (Card(payer.tap), uncut)))
    assert (holding.taps, holding.has_said_all) == (1, True)
    assert [came.received.amount for came in shop.came] == [AMOUNT]
    assert payer.status().state is PayerState.ACKNOWLEDGED
    assert said == [HoldingStep.WAIT_AS_READER, HoldingStep.HOLD_STILL, HoldingStep.PERSON_THERE]


def test_what_is_no_wallet_of_ours_is_told_once_and_ends_nothing(market: Market) -> None:
    clock, said = Clock(), list[Said]()
    shop = Shop(market.asks())

    class Bus(Card):
        def answer(self, command: bytes) -> bytes:
            return b"\x6a\x82"

    holding = Holding(shop, said.append, SECONDS, clock, clock.pause)
    holding.as_reader(Reader(clock, *[(Bus(shop.tap), uncut)] * 3))
    codes = [item.code for item in said if isinstance(item, Refusal)]
    assert (codes, holding.taps, holding.has_said_all) == ([Code.NOT_A_WALLET], 3, False)
    assert holding.refused is not None
    assert clock.now >= SECONDS
