"""Asked anew for what was signed and never arrived: who may pay twice is told before the PIN, and can show it again."""

from __future__ import annotations

from app.presenters.views.pay import PayStep
from tests.app.presenters.bazaar import Bazaar


def test_asked_anew_for_what_never_arrived_the_person_is_told(bazaar: Bazaar) -> None:
    bazaar.asks("10")
    assert bazaar.scans_request().alike == ()
    bazaar.confirms()
    at = bazaar.net.world.now
    for typed, amounts in (("11", []), ("10", [1_000])):
        bazaar.alia.container.pay.leave()
        bazaar.asks_anew(typed)
        assert [(item.amount, item.at) for item in bazaar.scans_request().alike] == [
            (item, at) for item in amounts
        ]
    bazaar.net.world.now += 3_601
    bazaar.alia.container.pay.leave()
    bazaar.asks_anew("10")
    assert bazaar.scans_request().alike == ()


def test_asked_anew_for_what_never_arrived_it_is_shown_again(bazaar: Bazaar) -> None:
    bazaar.asks("10")
    bazaar.scans_request()
    first = bazaar.confirms().shown
    pay = bazaar.alia.container.pay
    pay.leave()
    bazaar.asks_anew("10")
    (earlier,) = bazaar.scans_request().alike
    pay.show_earlier(earlier.id)
    bazaar.alia.settle()
    assert (pay.view.step, pay.view.shown, pay.view.trouble) == (PayStep.SHOWING, first, None)
    bazaar.scans_payment()
    got = bazaar.shop.container.receive.view
    assert (got.received, got.is_for_other) == (1_000, True)
    assert bazaar.scans_receipt().step is PayStep.PAID
    assert bazaar.held("alia") == 170_000 - 1_000


def test_of_an_amount_that_is_typed_here_the_person_is_told_before_the_pin(bazaar: Bazaar) -> None:
    pay = bazaar.alia.container.pay
    bazaar.asks("10")
    bazaar.scans_request()
    bazaar.confirms()
    pay.leave()
    bazaar.shop.container.receive.leave()
    bazaar.asks("20", open=True)
    assert bazaar.scans_request().alike == ()
    bazaar.alia.type(pay.press, "10")
    for told, step in ((1, PayStep.ASKED), (1, PayStep.PIN)):
        pay.accept()
        bazaar.alia.settle()
        assert (len(pay.view.alike), pay.view.step, pay.view.amount) == (told, step, 1_000)
