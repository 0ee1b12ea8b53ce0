"""Two windows pay each other by tap, torn and decided at leisure, whoever is the reader."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.taps import Rounds
from app.engine.values import Role, TapStep
from app.presenters.carrying import LONG
from app.presenters.views.carrying import Carrier
from app.presenters.views.pay import PayStep
from app.presenters.views.receive import ReceiveStep
from app.presenters.views.settings import TapReader
from tests.app.presenters.bazaar import AMOUNT, Bazaar
from tests.support.manual_worker import Field, Person
from wallet.session import Money


class Taps(Bazaar):
    """``payer_reads``: the customer's device is the reader, the shop's the card."""

    def __init__(self, folder: Path, *, payer_reads: bool) -> None:
        self.payer_reads = payer_reads
        self._waits: threading.Event | None = None
        super().__init__(folder, Field())

    def opens(self, name: str) -> Person:
        opened = super().opens(name)
        opened.container.settings.set_tap_reader(TapReader.PAYER if self.payer_reads else TapReader.PAYEE)
        return opened

    def by_tap(self) -> None:
        for presenter in (self.alia.container.pay, self.shop.container.receive):
            presenter.choose(Carrier.TAP)
        self.asks()
        self.settle()

    def settle(self) -> None:
        self.alia.settle()
        self.shop.settle()

    def tap(self) -> None:
        """The card is held to the reader until nothing more happens."""
        assert self.field is not None
        card = self.shop if self.payer_reads else self.alia
        for left in (*self.alia.rounds[:-1], *self.shop.rounds[:-1]):
            assert next(left, None) is None
        assert not self.is_waited_for
        self.field.reader = self._reading()
        next(card.rounds[-1])
        self.settle()

    def _reading(self) -> Rounds:
        """The reader's next tap, and what it waits for after that."""
        reading = self.alia if self.payer_reads else self.shop
        self._waits = next(reading.rounds[-1], None)
        yield self._waits

    @property
    def is_waited_for(self) -> bool:
        """Whether the reader reads no more cards before its person has decided."""
        return self._waits is not None and not self._waits.is_set()

    @property
    def reader_says(self) -> TapStep | None:
        container = self.alia.container if self.payer_reads else self.shop.container
        return container.pay.view.tap if self.payer_reads else container.receive.view.tap


def test_what_is_to_be_printed_is_shown_after_a_tap(tmp_path: Path) -> None:
    taps = Taps(tmp_path, payer_reads=False)
    taps.by_tap()
    taps.shop.container.receive.leave()
    taps.asks("500", printed=True)
    assert taps.shop.container.receive.view.carrier is Carrier.QR
    assert taps.shop.container.receive.view.can_print
    taps.net.close()


@pytest.fixture(params=[False, True], ids=["payee reads", "payer reads"])
def taps(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Taps]:
    taps = Taps(tmp_path, payer_reads=request.param)
    yield taps
    taps.net.close()


def both_done(taps: Taps) -> None:
    pay, receive = taps.alia.container.pay.view, taps.shop.container.receive.view
    assert (pay.step, pay.money) == (PayStep.PAID, Money.PAID)
    assert (receive.step, receive.received, receive.repeat_of) == (ReceiveStep.RECEIVED, AMOUNT, None)
    assert (taps.held("alia"), taps.held("shop")) == (170_000 - AMOUNT, 30_000 + AMOUNT)


def test_a_tap_to_ask_and_a_tap_to_pay(taps: Taps) -> None:
    taps.by_tap()
    taps.tap()
    view = taps.alia.container.pay.view
    assert (view.step, view.amount) == (PayStep.ASKED, AMOUNT)
    assert taps.reader_says is (TapStep.WAITING if taps.payer_reads else TapStep.OTHER_DECIDES)
    assert taps.is_waited_for == taps.payer_reads
    showing = taps.confirms()
    assert (showing.step, showing.tap) == (PayStep.SHOWING, TapStep.TAP_AGAIN)
    assert not taps.is_waited_for
    taps.tap()
    both_done(taps)
    assert taps.reader_says is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_torn_tap_goes_on_with_the_next(taps: Taps, when: str, rng: random.Random) -> None:
    assert taps.field is not None
    lost = [rng.randrange(1, 25) for _ in range(3)]
    taps.by_tap()
    for number in lost:
        taps.field.cut = lambda count, number=number: when if count == number else None  # type: ignore[misc]
        taps.tap()
        is_torn = taps.field.count == number + 1
        assert not is_torn or taps.reader_says is TapStep.TAP_AGAIN
        if taps.alia.container.pay.view.step is PayStep.ASKED:
            taps.confirms()
    taps.field.cut = lambda count: None
    taps.tap()
    if taps.alia.container.pay.view.step is PayStep.ASKED:
        taps.confirms()
    for _ in range(2):
        if taps.alia.container.pay.view.step is not PayStep.PAID:
            taps.tap()
    both_done(taps)


def test_both_killed_between_two_taps(taps: Taps) -> None:
    assert taps.field is not None
    taps.by_tap()
    taps.tap()
    taps.confirms()
    payment = taps.alia.container.pay.view.shown
    taps.field.cut = lambda count: "before" if count == 2 else None
    taps.tap()
    taps.field.cut = lambda count: None
    for who in (taps.alia, taps.shop):
        who.kill()
    taps.alia, taps.shop = taps.opens("alia"), taps.opens("shop")
    for who, carrying in ((taps.alia, taps.alia.container.pay), (taps.shop, taps.shop.container.receive)):
        carrying.choose(Carrier.TAP)
        who.container.home.refresh()
        who.settle()
        (left,) = who.container.home.view.unfinished
        who.container.home.go_on(left.id)
        who.settle()
    assert taps.alia.container.pay.view.shown == payment
    for _ in range(2):
        if taps.alia.container.pay.view.step is not PayStep.PAID:
            taps.tap()
    both_done(taps)


def test_declined_at_a_tap_touches_nothing(taps: Taps) -> None:
    taps.by_tap()
    taps.tap()
    taps.alia.container.pay.decline()
    taps.alia.settle()
    assert not taps.is_waited_for
    taps.tap()
    pay = taps.alia.container.pay.view
    assert (pay.step, pay.trouble) == (PayStep.DROPPED, None)
    receive = taps.shop.container.receive.view
    assert receive.step is ReceiveStep.ASKING
    if not taps.payer_reads:
        assert receive.trouble is not None
        assert receive.trouble.code == "declined"
    assert taps.held("alia") == 170_000


def test_two_that_never_meet_are_told_and_one_changes_sides(tmp_path: Path) -> None:
    taps = Taps(tmp_path, payer_reads=False)
    taps.alia.container.settings.set_tap_reader(TapReader.PAYER)
    taps.by_tap()
    now, both = taps.net.world.now, (taps.alia.container.pay, taps.shop.container.receive)
    for who in (taps.alia, taps.shop):
        assert next(who.rounds[-1]) is None, "both read, and nothing is there"
    taps.settle()
    for second in range(LONG + 1):
        assert [each.view.tap for each in both] == [TapStep.WAITING] * 2
        taps.alia.container.tick(now + second)
        taps.shop.container.tick(now + second)
        taps.settle()
    assert [(each.view.tap, each.view.role) for each in both] == [(TapStep.NOBODY, Role.READER)] * 2
    taps.alia.container.pay.change_sides()
    taps.settle()
    assert taps.alia.container.pay.view.role is Role.CARD
    assert next(taps.alia.rounds[0], "ended") == "ended"
    let_go = next(taps.alia.rounds[-1])
    assert let_go is not None
    assert let_go.is_set(), "the device is taken up again once it was let go of"
    taps.tap()
    assert taps.confirms().step is PayStep.SHOWING
    taps.tap()
    both_done(taps)
    taps.alia.container.pay.leave()
    taps.alia.container.pay.begin()
    assert taps.alia.container.pay.view.role is Role.READER, "as settings say, the next time"
    taps.net.close()


def test_leaving_the_screen_lets_go_of_the_device(taps: Taps) -> None:
    taps.by_tap()
    taps.tap()
    taps.alia.container.pay.leave()
    taps.shop.container.receive.leave()
    for who in (taps.alia, taps.shop):
        assert next(who.rounds[-1], "ended") == "ended"
        who.settle()
    assert taps.alia.container.pay.view.tap is None


def test_by_code_what_began_by_tap(taps: Taps) -> None:
    taps.by_tap()
    taps.tap()
    taps.confirms()
    for presenter in (taps.alia.container.pay, taps.shop.container.receive):
        presenter.choose(Carrier.QR)
    taps.settle()
    taps.scans_payment()
    taps.scans_receipt()
    both_done(taps)
