"""An app that dies at any moment of a payment tells the truth when it is started again, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.presenters.views.carrying import Carrier
from app.presenters.views.pay import PayStep
from app.presenters.views.receive import ReceiveStep
from tests.app.presenters.bazaar import AMOUNT, Bazaar
from tests.support.steps import Crash, Steps
from wallet.session import Money


@pytest.mark.parametrize("at", ["asked", "signed", "shown"])
def test_a_killed_payer_goes_on(bazaar: Bazaar, at: str) -> None:
    bazaar.asks()
    bazaar.scans_request()
    pay = bazaar.alia.container.pay
    if at != "asked":
        bazaar.confirms()
    if at == "shown":
        bazaar.scans_payment()
    pay.accept()
    bazaar.alia.kill()
    bazaar.alia = bazaar.opens("alia")
    home = bazaar.alia.container.home
    home.refresh()
    bazaar.alia.settle()
    if at == "asked":
        assert home.view.unfinished == ()
        bazaar.scans_request()
        bazaar.confirms()
    else:
        (left,) = home.view.unfinished
        assert left.is_signed
        home.go_on(left.id)
        bazaar.alia.settle()
        assert bazaar.alia.container.pay.view.step is PayStep.SHOWING
    bazaar.scans_payment()
    assert bazaar.scans_receipt().step is PayStep.PAID
    assert bazaar.held("shop") == 30_000 + AMOUNT


def test_an_intent_that_was_never_signed_is_signed_or_dropped(bazaar: Bazaar) -> None:
    bazaar.asks()
    request = bazaar.net.wallets["shop"].receiving.unanswered()[0]
    intent = bazaar.net.wallets["alia"].paying.reserve(request)
    bazaar.alia = bazaar.opens("alia")
    home = bazaar.alia.container.home
    home.refresh()
    bazaar.alia.settle()
    (left,) = home.view.unfinished
    assert (left.id, left.is_signed) == (intent, False)
    home.go_on(intent)
    bazaar.alia.settle()
    view = bazaar.alia.container.pay.view
    assert (view.step, view.amount, view.money) == (PayStep.ASKED, AMOUNT, Money.RESERVED)
    assert bazaar.confirms().step is PayStep.SHOWING
    bazaar.alia.container.pay.leave()
    bazaar.net.world.now += 1
    bazaar.asks_anew("10")
    other = bazaar.net.wallets["alia"].paying.reserve(bazaar.net.wallets["shop"].receiving.unanswered()[0])
    home.refresh()
    bazaar.alia.settle()
    home.drop(other)
    bazaar.alia.settle()
    assert [item.id for item in home.view.unfinished] == [intent]
    assert bazaar.net.wallets["alia"].balance().reserved == 0
    home.drop(intent)
    bazaar.alia.settle()
    assert home.view.unfinished == ()
    assert bazaar.net.wallets["alia"].balance().signed == AMOUNT


def test_a_killed_payee_asks_with_the_same_request(bazaar: Bazaar) -> None:
    bazaar.asks()
    asked = bazaar.shop.container.receive.view
    bazaar.shop.kill()
    bazaar.shop = bazaar.opens("shop")
    home = bazaar.shop.container.home
    home.refresh()
    bazaar.shop.settle()
    (left,) = home.view.unfinished
    assert (left.is_payment, left.amount, left.at) == (False, AMOUNT, bazaar.net.world.now)
    home.go_on(left.id)
    bazaar.shop.settle()
    assert bazaar.shop.container.receive.view.shown == asked.shown
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    bazaar.shop = bazaar.opens("shop")
    bazaar.shop.container.receive.resume(left.id)
    bazaar.shop.settle()
    view = bazaar.shop.container.receive.view
    assert (view.step, view.received) == (ReceiveStep.RECEIVED, AMOUNT)
    assert view.repeat_of == bazaar.net.world.now
    assert bazaar.scans_receipt().step is PayStep.PAID


def test_a_cancelled_request_is_not_offered_again_and_still_answered(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.shop.container.receive.cancel()
    bazaar.shop.settle()
    assert bazaar.shop.container.receive.view.step is ReceiveStep.AMOUNT
    bazaar.shop = bazaar.opens("shop")
    bazaar.shop.container.home.refresh()
    bazaar.shop.settle()
    assert bazaar.shop.container.home.view.unfinished == ()
    bazaar.asks("1")
    bazaar.scans_payment()
    assert bazaar.shop.container.receive.view.received == AMOUNT


@pytest.mark.parametrize("kind", ["once", "printed"])
def test_killed_after_it_accepted_the_receipt_is_in_its_history(bazaar: Bazaar, kind: str) -> None:
    bazaar.asks(printed=kind == "printed")
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    receipt = bazaar.shop.container.receive.view.receipt
    bazaar.shop.kill()
    bazaar.shop = bazaar.opens("shop")
    receive, history = bazaar.shop.container.receive, bazaar.shop.container.history
    receive.choose(Carrier.TAP)
    history.refresh()
    bazaar.shop.settle()
    line = next(line for line in history.view.lines if line.amount == AMOUNT)
    history.choose(line.id)
    assert (line.state, history.view.can_show) == ("payer", True)
    history.show_again()
    bazaar.shop.settle()
    view = receive.view
    assert (view.step, view.carrier, view.receipt) == (ReceiveStep.RECEIPT, Carrier.QR, receipt)
    assert (view.received, view.repeat_of) == (AMOUNT, bazaar.net.world.now)
    assert bazaar.scans_receipt().step is PayStep.PAID
    assert bazaar.held("shop") == 30_000 + AMOUNT


@pytest.mark.parametrize("who", ["alia", "shop"])
def test_killed_at_any_durable_step_it_tells_the_truth_and_goes_on(tmp_path: Path, who: str) -> None:
    """``Crash`` emulates the kill; SIGKILL over real stores is in the tests of the purse and of whole processes."""
    steps = Steps()
    for count in range(1, 60):
        if not _dies_at(tmp_path / str(count), who, count, steps):
            break
    else:
        raise AssertionError("a payment of more steps than can be")
    assert count > (6 if who == "alia" else 2)


def _dies_at(folder: Path, who: str, count: int, steps: Steps) -> bool:
    bazaar = Bazaar(folder)
    bazaar.asks()
    receive = bazaar.shop.container.receive
    died = False
    acts = [bazaar.scans_request, bazaar.confirms] if who == "alia" else [bazaar.scans_payment]
    if who == "shop":
        bazaar.scans_request()
        bazaar.confirms()
    try:
        with steps.crash_at(count):
            for act in acts:
                act()
    except Crash:
        died = True
    if died:
        setattr(bazaar, who, bazaar.opens(who))
        _goes_on(bazaar, who)
    if who == "alia" or died:
        receive = bazaar.shop.container.receive
        bazaar.scans_payment()
    assert receive.view.step is ReceiveStep.RECEIVED
    assert bazaar.scans_receipt().step is PayStep.PAID
    assert (bazaar.held("alia"), bazaar.held("shop")) == (170_000 - AMOUNT, 30_000 + AMOUNT)
    assert len(bazaar.net.wallets["alia"].history()) == 2
    bazaar.net.close()
    return died


def _goes_on(bazaar: Bazaar, who: str) -> None:
    """What a person does after the restart: go on with what home says is unfinished, or begin anew."""
    person = getattr(bazaar, who)
    home = person.container.home
    home.refresh()
    person.settle()
    left = home.view.unfinished
    if who == "shop":
        # Until the payment is on disk the request is to be gone on with; after that its money is in the balance.
        assert bool(left) == (bazaar.held("shop") == 30_000)
        home.go_on(left[0].id) if left else bazaar.asks("1")
        person.settle()
        return
    if not left:
        assert bazaar.held("alia") == 170_000
        bazaar.scans_request()
        bazaar.confirms()
        return
    assert len(left) == 1
    home.go_on(left[0].id)
    person.settle()
    view = bazaar.alia.container.pay.view
    assert left[0].is_signed == (view.step is PayStep.SHOWING) == (view.money is Money.PAID)
    if view.step is PayStep.ASKED:
        bazaar.confirms()
