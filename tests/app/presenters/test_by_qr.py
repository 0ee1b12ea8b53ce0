"""Two wallets pay each other by what their screens show, and nobody can misread an outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.values import Trouble
from app.presenters.views.carrying import CodeKind
from app.presenters.views.pay import PayStep
from app.presenters.views.receive import ReceiveStep
from hsm.keystore import KeystoreCode, KeystoreError
from tests.app.presenters.bazaar import AMOUNT, Bazaar
from tests.support.manual_worker import PIN, shows
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.session import Money
from wallet.transport.qr import FrameEncoder


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
    got = bazaar.shop.container.receive.view
    assert (got.step, got.received, got.hop, got.repeat_of) == (ReceiveStep.RECEIVED, AMOUNT, 1, None)
    paid = bazaar.scans_receipt()
    assert (paid.step, paid.receipt_at) == (PayStep.PAID, bazaar.net.world.now)
    assert (bazaar.held("alia"), bazaar.held("shop")) == (170_000 - AMOUNT, 30_000 + AMOUNT)


def test_a_payment_nobody_confirmed_is_not_called_paid(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    pay = bazaar.alia.container.pay
    assert pay.view.step is PayStep.SHOWING
    pay.leave()
    bazaar.alia.container.home.refresh()
    bazaar.alia.settle()
    (left,) = bazaar.alia.container.home.view.unfinished
    assert (left.is_payment, left.is_signed, left.amount) == (True, True, AMOUNT)
    shows(bazaar.shop.container.receive.view.receipt, pay.seen)
    bazaar.alia.settle()
    assert pay.view.step is PayStep.PAID


def test_the_same_payment_again_is_not_new_money(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    first = bazaar.net.world.now
    bazaar.shop.container.receive.leave()
    bazaar.net.world.now += 60
    bazaar.asks("1")
    bazaar.scans_payment()
    view = bazaar.shop.container.receive.view
    assert (view.step, view.repeat_of, view.is_for_other) == (ReceiveStep.RECEIVED, first, True)
    assert bazaar.held("shop") == 30_000 + AMOUNT


def test_the_same_payment_again_on_the_same_screen_stays_what_it_was(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.scans_payment()
    before = bazaar.shop.container.receive.view
    bazaar.shop.container.receive._look_anew()
    bazaar.scans_payment()
    after = bazaar.shop.container.receive.view
    assert (after.step, after.received, after.repeat_of) == (before.step, AMOUNT, None)


def test_money_for_an_earlier_request_leaves_this_one_asked(bazaar: Bazaar) -> None:
    bazaar.asks("100")
    bazaar.scans_request()
    bazaar.confirms()
    bazaar.shop.container.receive.leave()
    bazaar.asks("200")
    bazaar.scans_payment()
    receive = bazaar.shop.container.receive
    assert (receive.view.received, receive.view.amount) == (10_000, 20_000)
    assert receive.view.is_for_other
    receive.ask_on()
    bazaar.shop.settle()
    assert (receive.view.step, receive.view.received) == (ReceiveStep.ASKING, 0)
    bazaar.alia.container.pay.leave()
    assert bazaar.scans_request().amount == 20_000


def test_a_wrong_pin_signs_nothing_and_waits_grow(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    for left in (2, 1, 0):
        view = bazaar.confirms("9999") if left == 2 else bazaar.tries("9999")
        assert (view.step, view.pin_length, view.money) == (PayStep.PIN, 0, Money.UNTOUCHED)
        assert view.trouble is not None
        assert (view.trouble.code, view.trouble.facts["tries_left"]) == ("pin_wrong", left)
    until = view.wait_until
    assert until == bazaar.net.world.now + 30
    pay = bazaar.alia.container.pay
    bazaar.alia.type(pay.pin_press, PIN)
    assert pay.view.pin_length == 0
    bazaar.net.world.now = until
    pay.tick(until)
    assert bazaar.tries(PIN).step is PayStep.SHOWING


def test_a_refused_payment_is_returned_and_says_why(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.confirms()
    # To the shop's clock, the customer's certificate has expired.
    bazaar.net.ahead["shop"] = 61 * DAY
    bazaar.scans_payment()
    view = bazaar.shop.container.receive.view
    assert (view.step, view.received) == (ReceiveStep.REFUSED, 0)
    assert view.trouble is not None
    returned = bazaar.scans_receipt()
    assert (returned.step, returned.money) == (PayStep.RETURNED, Money.RETURNING)
    assert returned.trouble == Trouble(view.trouble.code)
    assert bazaar.held("shop") == 30_000


def test_declining_drops_and_touches_nothing(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    bazaar.alia.container.pay.decline()
    bazaar.alia.settle()
    view = bazaar.alia.container.pay.view
    assert (view.step, view.money, view.shown) == (PayStep.DROPPED, Money.UNTOUCHED, None)
    assert view.trouble is None, "one's own no is no trouble"
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
        bazaar.net.wallet(name)
    bazaar.net.fund_exactly("hand0", 70_000)
    for payer, payee in zip(names, [*names[1:], "alia"], strict=True):
        bazaar.net.pay(payer, payee, 70_000)
    bazaar.alia.container.home.refresh()
    bazaar.alia.settle()
    assert bazaar.net.wallets["alia"].balance().spendable == 170_000
    bazaar.asks("2400")
    view = bazaar.scans_request()
    assert view.trouble is not None
    assert view.trouble.code == Code.HOPS_USED_UP
    bazaar.net.close()


def test_an_open_amount_is_typed_and_checked_before_the_pin(bazaar: Bazaar) -> None:
    bazaar.asks("1500", open=True)
    asked = bazaar.scans_request()
    assert (asked.step, asked.amount, asked.ceiling) == (PayStep.ASKED, None, 150_000)
    pay = bazaar.alia.container.pay
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
    assert bazaar.shop.container.receive.view.received == 150_000


def test_a_printed_code_twice_asks_which_is_meant(bazaar: Bazaar, tmp_path: Path) -> None:
    bazaar.asks("10", printed=True)
    picture = tmp_path / "code.png"
    bazaar.shop.container.receive.print_to(picture)
    bazaar.shop.settle()
    assert bazaar.shop.container.receive.view.can_print
    assert picture.stat().st_size > 0
    printed = bazaar.shop.container.receive.view.shown
    bazaar.scans_request()
    bazaar.confirms()
    first = bazaar.alia.container.pay.view.shown
    pay = bazaar.alia.container.pay
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
    receive = bazaar.shop.container.receive
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
    receive = bazaar.shop.container.receive
    expires = receive.view.expires
    assert expires is not None
    bazaar.net.world.now = expires + 1
    receive.tick(expires + 1)
    bazaar.shop.settle()
    assert receive.view.shown is None
    assert receive.view.trouble == Trouble(Code.REQUEST_EXPIRED, {"time": expires + 1, "expires": expires})
    bazaar.scans_payment()
    assert receive.view.received == AMOUNT


def test_what_was_not_signed_in_time_is_dropped(bazaar: Bazaar) -> None:
    bazaar.asks()
    expires = bazaar.scans_request().expires
    assert expires is not None
    bazaar.net.world.now = expires + 1
    bazaar.alia.container.pay.tick(expires + 1)
    bazaar.alia.settle()
    view = bazaar.alia.container.pay.view
    assert (view.step, view.trouble) == (PayStep.DROPPED, Trouble(Code.REQUEST_EXPIRED))


def test_noise_changes_nothing(bazaar: Bazaar) -> None:
    bazaar.asks()
    for text in ("", "https://example.kz", "DTQ1:", "QALTA" * 400):
        bazaar.alia.container.pay.seen(text)
    assert bazaar.alia.container.pay.view.step is PayStep.SEEK
    bazaar.alia.container.pay.camera("app_pay.no_camera")
    assert bazaar.alia.container.pay.view.scanning.camera_trouble == "app_pay.no_camera"
    assert bazaar.scans_request().step is PayStep.ASKED


def test_what_comes_after_leaving_is_not_shown(bazaar: Bazaar) -> None:
    bazaar.asks()
    shows(bazaar.shop.container.receive.view.shown, bazaar.alia.container.pay.seen)
    bazaar.alia.container.pay.leave()
    bazaar.alia.settle()
    assert bazaar.alia.container.pay.view.step is PayStep.SEEK
    assert bazaar.alia.container.pay.view.party is None
    assert bazaar.scans_request().step is PayStep.ASKED


def test_a_purse_that_refuses_after_the_pin_asks_again(bazaar: Bazaar) -> None:
    bazaar.asks()
    bazaar.scans_request()
    other = bazaar.net.wallets["shop"].receiving.request(1_000)
    pay, paying = bazaar.alia.container.pay, bazaar.net.wallets["alia"].paying
    pay.accept()
    bazaar.alia.settle()
    intent = paying.reserve(other)
    view = bazaar.tries(PIN)
    assert (view.step, view.money) == (PayStep.ASKED, Money.UNTOUCHED)
    assert view.trouble is not None
    assert view.trouble.code == Code.FUNDS_SHORT
    paying.drop(intent)
    assert bazaar.confirms().step is PayStep.SHOWING


def test_a_token_that_fails_while_signing_leaves_the_intent_to_go_on_with(
    bazaar: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    bazaar.asks()
    bazaar.scans_request()

    def fails(alias: str, message: bytes) -> bytes:
        raise KeystoreError(KeystoreCode.TOKEN_FAULT)

    keystore = bazaar.net.keystores["alia"]
    monkeypatch.setattr(keystore, "sign", fails)
    view = bazaar.confirms()
    assert (view.step, view.money, view.trouble) == (PayStep.ASKED, Money.RESERVED, Trouble("token_fault"))
    monkeypatch.undo()
    assert bazaar.confirms().step is PayStep.SHOWING
    bazaar.scans_payment()
    assert bazaar.shop.container.receive.view.received == AMOUNT


def test_what_is_asked_for_stays_as_it_was_signed(bazaar: Bazaar) -> None:
    receive = bazaar.shop.container.receive
    receive.set_memo("№ 7 " + "ш" * 200)
    bazaar.asks("10")
    before = receive.view
    receive.set_open(True)
    receive.set_printed(True)
    receive.set_memo("other")
    bazaar.shop.type(receive.press, "55")
    receive.ask()
    bazaar.shop.settle()
    assert receive.view == before
    assert bazaar.scans_request().memo == before.memo
    assert before.memo.startswith("№ 7 ш")


def test_asking_twice_at_once_asks_once(bazaar: Bazaar) -> None:
    receive = bazaar.shop.container.receive
    bazaar.shop.type(receive.press, "10")
    receive.ask()
    receive.ask()
    bazaar.shop.settle()
    assert len(bazaar.net.wallets["shop"].receiving.unanswered()) == 1


def test_two_codes_in_view_are_named_and_none_is_taken(bazaar: Bazaar) -> None:
    bazaar.asks()
    shown = bazaar.shop.container.receive.view.shown
    assert shown is not None
    pay = bazaar.alia.container.pay
    own: list[str] = []
    strange = FrameEncoder(b"whatever it is").frame(0)
    shows(shown, own.append)
    for text in own:
        pay.several((text, strange))
    named = pay.view.scanning.several
    assert [(code.kind, code.amount) for code in named] == [
        (CodeKind.REQUEST, AMOUNT),
        (CodeKind.UNKNOWN, None),
    ]
    assert named[0].party is not None
    assert named[0].party.name == "Shop"
    assert pay.view.step is PayStep.SEEK
    assert bazaar.scans_request().step is PayStep.ASKED
    assert pay.view.scanning.several == ()
