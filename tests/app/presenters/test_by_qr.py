"""Two wallets pay each other by what their screens show, and nobody can misread an outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.presenters.views import PayStep, ReceiveStep, Trouble
from tests.app.presenters.bazaar import AMOUNT, Bazaar
from tests.support.hand import PIN, shows
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.session import Money


def test_a_payment_from_keypad_to_receipt(bazaar: Bazaar) -> None:
    bazaar.asks()
    asked = bazaar.scans_request()
    assert (asked.step, asked.amount, asked.money) == (PayStep.ASKED, AMOUNT, Money.UNTOUCHED)
    assert asked.party is not None
    assert (asked.party.name, asked.party.is_merchant, asked.party.bank) == ("Shop", True, "zhibek")
    assert asked.room is not None
    assert asked.room.spendable == 170_000
    showing = bazaar.confirms()
    assert (showing.step, showing.money, showing.receipt_at) == (PayStep.SHOWING, Money.PAID, None)
    bazaar.scans_payment()
    got = bazaar.shop.house.receive.view
    assert (got.step, got.received, got.hop, got.repeat_of) == (ReceiveStep.RECEIVED, AMOUNT, 1, None)
    paid = bazaar.scans_receipt()
    assert (paid.step, paid.receipt_at) == (PayStep.PAID, bazaar.town.world.now)
    assert (bazaar.held("alia"), bazaar.held("shop")) == (170_000 - AMOUNT, 30_000 + AMOUNT)


def test_a_payment_nobody_confirmed_is_not_called_paid(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    pay = bazaar.alia.house.pay
    assert pay.view.step is PayStep.SHOWING
    pay.leave()
    bazaar.alia.house.home.refresh()
    bazaar.alia.settle()
    (left,) = bazaar.alia.house.home.view.unfinished
    assert (left.is_payment, left.is_signed, left.amount) == (True, True, AMOUNT)
    shows(bazaar.shop.house.receive.view.receipt, pay.seen)
    bazaar.alia.settle()
    assert pay.view.step is PayStep.PAID


def test_the_same_payment_again_is_not_new_money(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    first = bazaar.town.world.now
    bazaar.shop.house.receive.leave()
    bazaar.town.world.now += 60
    bazaar.asks("1")
    bazaar.scans_payment()
    view = bazaar.shop.house.receive.view
    assert (view.step, view.repeat_of, view.is_for_other) == (ReceiveStep.RECEIVED, first, True)
    assert bazaar.held("shop") == 30_000 + AMOUNT


def test_the_same_payment_again_on_the_same_screen_stays_what_it_was(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    before = bazaar.shop.house.receive.view
    bazaar.shop.house.receive._look_anew()
    bazaar.scans_payment()
    after = bazaar.shop.house.receive.view
    assert (after.step, after.received, after.repeat_of) == (before.step, AMOUNT, None)


def test_money_for_an_earlier_request_leaves_this_one_asked(bazaar: Bazaar) -> None:
    bazaar.asks("100")
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.shop.house.receive.leave()
    bazaar.asks("200")
    bazaar.scans_payment()
    receive = bazaar.shop.house.receive
    assert (receive.view.received, receive.view.amount) == (10_000, 20_000)
    assert receive.view.is_for_other
    receive.ask_on()
    bazaar.shop.settle()
    assert (receive.view.step, receive.view.received) == (ReceiveStep.ASKING, 0)
    bazaar.alia.house.pay.leave()
    assert bazaar.scans_request().amount == 20_000


@pytest.mark.parametrize("at", ["asked", "signed", "shown"])
def test_a_killed_payer_goes_on(bazaar: Bazaar, at: str) -> None:
    bazaar.asks()
    bazaar.scans_request()
    pay = bazaar.alia.house.pay
    if at != "asked":
        bazaar.confirms()
    if at == "shown":
        bazaar.scans_payment()
    pay.accept()
    bazaar.alia.kill()
    bazaar.alia = bazaar.opens("alia")
    home = bazaar.alia.house.home
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
        assert bazaar.alia.house.pay.view.step is PayStep.SHOWING
    bazaar.scans_payment()
    assert bazaar.scans_receipt().step is PayStep.PAID
    assert bazaar.held("shop") == 30_000 + AMOUNT


def test_an_intent_that_was_never_signed_is_signed_or_dropped(bazaar: Bazaar) -> None:
    bazaar.asks()
    request = bazaar.town.wallets["shop"].receiving.unanswered()[0]
    intent = bazaar.town.wallets["alia"].paying.reserve(request)
    bazaar.alia = bazaar.opens("alia")
    home = bazaar.alia.house.home
    home.refresh()
    bazaar.alia.settle()
    (left,) = home.view.unfinished
    assert (left.id, left.is_signed) == (intent, False)
    home.go_on(intent)
    bazaar.alia.settle()
    view = bazaar.alia.house.pay.view
    assert (view.step, view.amount, view.money) == (PayStep.ASKED, AMOUNT, Money.RESERVED)
    assert bazaar.confirms().step is PayStep.SHOWING
    bazaar.alia.house.pay.leave()
    bazaar.town.world.now += 1
    bazaar.asks_anew("10")
    other = bazaar.town.wallets["alia"].paying.reserve(bazaar.town.wallets["shop"].receiving.unanswered()[0])
    home.refresh()
    bazaar.alia.settle()
    home.drop(other)
    bazaar.alia.settle()
    assert [item.id for item in home.view.unfinished] == [intent]
    assert bazaar.town.wallets["alia"].balance().reserved == 0
    home.drop(intent)
    bazaar.alia.settle()
    assert home.view.unfinished == ()
    assert bazaar.town.wallets["alia"].balance().signed == AMOUNT


def test_a_killed_payee_asks_with_the_same_request(bazaar: Bazaar) -> None:
    bazaar.asks()
    asked = bazaar.shop.house.receive.view
    bazaar.shop.kill()
    bazaar.shop = bazaar.opens("shop")
    home = bazaar.shop.house.home
    home.refresh()
    bazaar.shop.settle()
    (left,) = home.view.unfinished
    assert (left.is_payment, left.amount, left.at) == (False, AMOUNT, bazaar.town.world.now)
    home.go_on(left.id)
    bazaar.shop.settle()
    assert bazaar.shop.house.receive.view.shown == asked.shown
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    bazaar.shop = bazaar.opens("shop")
    bazaar.shop.house.receive.resume(left.id)
    bazaar.shop.settle()
    view = bazaar.shop.house.receive.view
    assert (view.step, view.received) == (ReceiveStep.RECEIVED, AMOUNT)
    assert view.repeat_of == bazaar.town.world.now
    assert bazaar.scans_receipt().step is PayStep.PAID


def test_a_cancelled_request_is_not_offered_again_and_still_answered(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.shop.house.receive.cancel()
    bazaar.shop.settle()
    assert bazaar.shop.house.receive.view.step is ReceiveStep.AMOUNT
    bazaar.shop = bazaar.opens("shop")
    bazaar.shop.house.home.refresh()
    bazaar.shop.settle()
    assert bazaar.shop.house.home.view.unfinished == ()
    bazaar.asks("1")
    bazaar.scans_payment()
    assert bazaar.shop.house.receive.view.received == AMOUNT


def test_a_wrong_pin_signs_nothing_and_waits_grow(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    for left in (2, 1, 0):
        view = bazaar.confirms("9999") if left == 2 else bazaar.tries("9999")
        assert (view.step, view.pin_length, view.money) == (PayStep.PIN, 0, Money.UNTOUCHED)
        assert view.trouble is not None
        assert (view.trouble.code, view.trouble.facts["tries_left"]) == ("pin_wrong", left)
    until = view.wait_until
    assert until == bazaar.town.world.now + 30
    pay = bazaar.alia.house.pay
    bazaar.alia.type(pay.pin_press, PIN)
    assert pay.view.pin_length == 0
    bazaar.town.world.now = until
    pay.tick(until)
    assert bazaar.tries(PIN).step is PayStep.SHOWING


def test_a_refused_payment_is_returned_and_says_why(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    # To the shop's clock, the customer's certificate has expired.
    bazaar.town.ahead["shop"] = 61 * DAY
    bazaar.scans_payment()
    view = bazaar.shop.house.receive.view
    assert (view.step, view.received) == (ReceiveStep.REFUSED, 0)
    assert view.trouble is not None
    returned = bazaar.scans_receipt()
    assert (returned.step, returned.money) == (PayStep.RETURNED, Money.RETURNING)
    assert returned.trouble == Trouble(view.trouble.code)
    assert bazaar.held("shop") == 30_000


def test_declining_drops_and_touches_nothing(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.alia.house.pay.decline()
    bazaar.alia.settle()
    view = bazaar.alia.house.pay.view
    assert (view.step, view.money, view.shown) == (PayStep.DROPPED, Money.UNTOUCHED, None)
    assert bazaar.held("alia") == 170_000


def test_too_little_money_says_so_before_any_pin(bazaar: Bazaar) -> None:
    bazaar.asks("1700,01")
    view = bazaar.scans_request()
    assert (view.step, view.money) == (PayStep.SEEK, Money.UNTOUCHED)
    assert view.trouble is not None
    assert (view.trouble.code, view.trouble.facts["need"]) == (Code.FUNDS_SHORT, 170_001)


def test_money_without_hops_left_says_so(tmp_path: Path) -> None:
    bazaar = Bazaar(tmp_path)
    names = [f"hand{number}" for number in range(15)]
    for name in names:
        bazaar.town.wallet(name)
    bazaar.town.fund_exactly("hand0", 70_000)
    for payer, payee in zip(names, [*names[1:], "alia"], strict=True):
        bazaar.town.pay(payer, payee, 70_000)
    bazaar.alia.house.home.refresh()
    bazaar.alia.settle()
    assert bazaar.town.wallets["alia"].balance().spendable == 170_000
    bazaar.asks("2400")
    view = bazaar.scans_request()
    assert view.trouble is not None
    assert view.trouble.code == Code.HOPS_USED_UP
    bazaar.town.close()


def test_an_open_amount_is_typed_and_checked_before_the_pin(bazaar: Bazaar) -> None:
    bazaar.asks("1500", open=True)
    asked = bazaar.scans_request()
    assert (asked.step, asked.amount, asked.ceiling) == (PayStep.ASKED, None, 150_000)
    pay = bazaar.alia.house.pay
    pay.accept()
    assert pay.view.trouble == Trouble(Code.AMOUNT_INVALID)
    bazaar.alia.type(pay.press, "1500,01")
    pay.accept()
    bazaar.alia.settle()
    assert pay.view.step is PayStep.ASKED
    assert pay.view.trouble is not None
    assert pay.view.trouble.code == Code.AMOUNT_OVER_CEILING
    for _ in range(3):
        pay.erase()
    assert (pay.view.typed, pay.view.amount) == ("1500", 150_000)
    assert bazaar.confirms().amount == 150_000
    bazaar.scans_payment()
    assert bazaar.shop.house.receive.view.received == 150_000


def test_a_printed_code_twice_asks_which_is_meant(bazaar: Bazaar, tmp_path: Path) -> None:
    bazaar.asks("10", printed=True)
    picture = tmp_path / "code.png"
    bazaar.shop.house.receive.print_to(picture)
    bazaar.shop.settle()
    assert bazaar.shop.house.receive.view.can_print
    assert picture.stat().st_size > 0
    printed = bazaar.shop.house.receive.view.shown
    bazaar.scans_request()
    bazaar.confirms()
    first = bazaar.alia.house.pay.view.shown
    pay = bazaar.alia.house.pay
    pay.leave()
    shows(printed, pay.seen)
    bazaar.alia.settle()
    (earlier,) = pay.view.earlier
    assert (pay.view.step, earlier.amount) == (PayStep.ASKED, 1_000)
    pay.accept()
    bazaar.alia.settle()
    assert pay.view.step is PayStep.ASKED
    pay.show_earlier(earlier.id)
    bazaar.alia.settle()
    assert (pay.view.step, pay.view.shown) == (PayStep.SHOWING, first)
    bazaar.scans_payment()
    pay.leave()
    shows(printed, pay.seen)
    bazaar.alia.settle()
    pay.pay_anew()
    bazaar.alia.settle()
    assert (pay.view.step, pay.view.earlier) == (PayStep.ASKED, ())
    assert bazaar.confirms().step is PayStep.SHOWING
    receive = bazaar.shop.house.receive
    receive.ask_on()
    bazaar.shop.settle()
    assert receive.view.shown == printed
    bazaar.scans_payment()
    assert (receive.view.received, receive.view.repeat_of) == (1_000, None)
    assert bazaar.held("shop") == 30_000 + 2_000


def test_an_expired_request_is_shown_no_more_and_what_was_signed_comes(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    receive = bazaar.shop.house.receive
    expires = receive.view.expires
    assert expires is not None
    bazaar.town.world.now = expires + 1
    receive.tick(expires + 1)
    bazaar.shop.settle()
    assert receive.view.shown is None
    assert receive.view.trouble == Trouble(Code.REQUEST_EXPIRED, {"expires": expires})
    bazaar.scans_payment()
    assert receive.view.received == AMOUNT


def test_what_was_not_signed_in_time_is_dropped(bazaar: Bazaar) -> None:
    bazaar.asks()
    expires = bazaar.scans_request().expires
    assert expires is not None
    bazaar.town.world.now = expires + 1
    bazaar.alia.house.pay.tick(expires + 1)
    bazaar.alia.settle()
    view = bazaar.alia.house.pay.view
    assert (view.step, view.trouble) == (PayStep.DROPPED, Trouble(Code.REQUEST_EXPIRED))


def test_noise_changes_nothing(bazaar: Bazaar) -> None:
    bazaar.asks()
    for text in ("", "https://example.kz", "DTQ1:", "QALTA" * 400):
        bazaar.alia.house.pay.seen(text)
    assert bazaar.alia.house.pay.view.step is PayStep.SEEK
    bazaar.alia.house.pay.camera("app_pay.no_camera")
    assert bazaar.alia.house.pay.view.scanning.camera_trouble == "app_pay.no_camera"
    assert bazaar.scans_request().step is PayStep.ASKED


def test_what_comes_after_leaving_is_not_shown(bazaar: Bazaar) -> None:
    bazaar.asks()
    shows(bazaar.shop.house.receive.view.shown, bazaar.alia.house.pay.seen)
    bazaar.alia.house.pay.leave()
    bazaar.alia.settle()
    assert bazaar.alia.house.pay.view.step is PayStep.SEEK
    assert bazaar.alia.house.pay.view.party is None
    assert bazaar.scans_request().step is PayStep.ASKED
