"""A session that dies at any verb is built again from the purse, and the payment ends as if it had lived."""

from __future__ import annotations

import pytest

from tests.session.holders import FUNDS, VALID_FOR, Place, PowerCut
from tests.session.pairs import AMOUNT, LATE, Pair
from wallet.protocol.codes import Code, Refusal
from wallet.session import LocalError, Money, PayeeState, Payer, PayerState
from wallet.session.events import PaymentDropped, PaymentReceived, SignatureNeeded

PAYER_POINTS = [
    f"{when}{verb}"
    for verb in ("consider", "reserve", "summary", "sign", "transfers", "shown", "acknowledge")
    for when in ("-", "")
]
PAYEE_POINTS = ["-receive", "receive"]


def go_on(pair: Pair) -> None:
    """What the two people do when a phone has been restarted: scan again, say yes again, show again."""
    if pair.payer.state is PayerState.IDLE:
        pair.ask()
    if pair.payer.state in (PayerState.REQUESTED, PayerState.RESERVED):
        pair.agree()
    payment = pair.payer.bytes_to_send()
    if payment is not None:
        pair.to_payee(payment)
        pair.answer()


@pytest.mark.parametrize("point", PAYER_POINTS)
def test_a_payer_killed_at_any_verb_pays_once(place: Place, point: str) -> None:
    pair = Pair.of(place)
    pair.alia.cut_at(point)
    with pytest.raises(PowerCut):
        pair.run()
    pair.restart_payer()
    go_on(pair)
    assert pair.alia.open_payments() == []
    assert (pair.alia.money, pair.shop.money, pair.received) == (sum(FUNDS) - AMOUNT, AMOUNT, AMOUNT)
    assert pair.payee.state is PayeeState.ACKNOWLEDGED


@pytest.mark.parametrize("point", PAYEE_POINTS)
def test_a_payee_killed_at_any_verb_is_paid_once(place: Place, point: str) -> None:
    pair = Pair.of(place)
    pair.shop.cut_at(point)
    with pytest.raises(PowerCut):
        pair.run()
    pair.restart_payee()
    assert pair.payee.state is (PayeeState.STORED if point == "receive" else PayeeState.REQUESTING)
    if pair.payee.state is PayeeState.REQUESTING:
        pair.pay()
    pair.answer()
    assert (pair.payer.state, pair.payee.state) == (PayerState.ACKNOWLEDGED, PayeeState.ACKNOWLEDGED)
    assert (pair.alia.money, pair.shop.money) == (sum(FUNDS) - AMOUNT, AMOUNT)


def test_what_a_payee_had_stored_is_no_new_money_when_it_wakes(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    payment = pair.pay()
    receipt = pair.payee.bytes_to_send()
    pair.restart_payee()
    assert pair.kinds()[1] == ["PaymentReceived", "PaymentRepeated"]
    assert pair.payee.bytes_to_send() == receipt
    pair.to_payee(payment)
    assert pair.payee.bytes_to_send() == receipt
    assert sum(isinstance(item, PaymentReceived) for item in pair.said_payee) == 1


def test_a_refusal_is_still_a_refusal_when_the_payee_wakes(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    pair.shop.run_ahead(LATE)
    pair.pay()
    receipt = pair.payee.bytes_to_send()
    pair.restart_payee()
    assert (pair.payee.state, pair.payee.bytes_to_send()) == (PayeeState.REFUSED, receipt)
    pair.answer()
    assert (pair.payer.state, pair.payer.money) == (PayerState.REFUSED, Money.RETURNING)


def test_an_unsigned_intent_asks_for_the_same_amount_or_is_dropped(place: Place) -> None:
    pair = Pair.of(place, is_open=True)
    pair.ask()
    pair.alia.cut_at("-sign")
    with pytest.raises(PowerCut):
        pair.agree(50_000)
    pair.restart_payer()
    asked = pair.said_payer[-1]
    assert isinstance(asked, SignatureNeeded)
    assert (asked.payment.amount, pair.payer.state) == (50_000, PayerState.RESERVED)
    assert (pair.payer.money, pair.payer.bytes_to_send()) == (Money.RESERVED, None)
    with pytest.raises(LocalError):
        pair.payer.confirm(60_000)
    pair.payer.decline()
    pair.hear()
    assert pair.said_payer[-1] == PaymentDropped(Code.DECLINED)
    assert pair.alia.open_payments() == []
    pair.payer = Payer(pair.alia.paying)
    pair.ask()
    pair.agree(60_000)
    pair.pay()
    pair.answer()
    assert pair.shop.money == 60_000


def test_an_unsigned_intent_is_found_again_by_its_request(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.alia.cut_at("-sign")
    with pytest.raises(PowerCut):
        pair.agree()
    pair.alia.restart()
    pair.payer = Payer(pair.alia.paying)
    pair.ask()
    assert isinstance(pair.said_payer[-1], SignatureNeeded)
    pair.agree()
    pair.pay()
    pair.answer()
    assert pair.shop.money == AMOUNT


def test_an_unsigned_intent_is_dropped_once_its_request_has_expired(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.alia.cut_at("-sign")
    with pytest.raises(PowerCut):
        pair.agree()
    pair.payer.tick(pair.request.body.expires + 1)
    pair.hear()
    assert pair.said_payer[-1] == PaymentDropped(Code.REQUEST_EXPIRED)
    assert (pair.alia.open_payments(), pair.alia.money) == ([], sum(FUNDS))


def test_a_yes_that_comes_too_late_signs_nothing(place: Place) -> None:
    """Nobody told the session the time: the purse knows it."""
    pair = Pair.of(place)
    pair.ask()
    pair.alia.cut_at("-sign")
    with pytest.raises(PowerCut):
        pair.agree()
    pair.alia.run_ahead(VALID_FOR + 1)
    pair.agree()
    assert pair.payer.bytes_to_send() is None or pair.payer.state is PayerState.DROPPED
    pair.payer.tick(pair.request.body.expires + 1)
    assert pair.payer.state is PayerState.DROPPED
    assert (pair.alia.open_payments(), pair.alia.money) == ([], sum(FUNDS))


def test_a_finished_payment_can_be_looked_at_again(place: Place) -> None:
    pair = Pair.of(place)
    request = pair.payee.bytes_to_send()
    pair.ask()
    pair.agree()
    payment = pair.pay()
    pair.answer()
    again = Payer.resume(pair.alia.paying, pair.payer.payment_id or b"")
    assert (again.state, again.bytes_to_send()) == (PayerState.ACKNOWLEDGED, None)
    again.receive(request or b"")
    assert again.reply() == payment


def test_nothing_is_resumed_that_the_purse_does_not_know(place: Place) -> None:
    pair = Pair.of(place)
    with pytest.raises(Refusal) as refused:
        Payer.resume(pair.alia.paying, bytes(16))
    assert refused.value.code is Code.PAYMENT_UNKNOWN
