"""Two sessions over one carrier: a whole payment, and everything that may get in its way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.holders import FUNDS, Place
from tests.session.pairs import AMOUNT, Pair, both_done, talk
from wallet.protocol.codes import Code, Refusal
from wallet.session import LocalError, Money, PayeeState, Payer, PayerState, Waiting, messages
from wallet.session.events import (
    AlreadyPaid,
    ConfirmationNeeded,
    PaymentFound,
    PaymentRepeated,
    PurseRefused,
)
from wallet.session.messages import RequestMessage
from wallet.transport.loopback import every, whole

# a payment


def test_a_payment_shown_and_scanned(place: Place) -> None:
    pair = Pair.of(place)
    assert pair.payer.waiting is pair.payee.waiting is Waiting.FOR_PEER
    pair.ask()
    assert pair.payer.waiting is Waiting.FOR_PERSON
    assert pair.payer.bytes_to_send() is None
    pair.agree()
    pair.pay()
    pair.answer()
    both_done(pair)
    assert pair.payer.waiting is pair.payee.waiting is Waiting.FOR_NOBODY
    assert pair.kinds() == (
        ["ConfirmationNeeded", "PaymentReady", "PaymentAcknowledged"],
        ["PaymentReceived"],
    )
    assert pair.payer.bytes_to_send() is None


@pytest.mark.parametrize("cut", [whole, every(1), every(7), every(250)], ids=["whole", "1", "7", "250"])
def test_a_payment_over_a_two_way_carrier_however_it_cuts(place: Place, cut: object) -> None:
    pair = Pair.of(place)
    talk(pair, cut)  # type: ignore[arg-type]
    both_done(pair)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=40))
def test_any_cut(sizes: list[int]) -> None:
    def cut(data: bytes) -> list[bytes]:
        pieces, at = [], 0
        for size in [*sizes, len(data)]:
            pieces.append(data[at : at + size])
            at += size
        return pieces

    pair = Pair.of()
    talk(pair, cut)
    both_done(pair)


def test_an_open_amount_is_what_the_payer_says_up_to_the_ceiling(place: Place) -> None:
    pair = Pair.of(place, is_open=True)
    pair.ask()
    asked = pair.said_payer[-1]
    assert isinstance(asked, ConfirmationNeeded)
    assert (asked.consideration.amount, asked.consideration.ceiling) == (None, AMOUNT)
    pair.agree(AMOUNT + 1)
    refused = pair.said_payer[-1]
    assert isinstance(refused, PurseRefused)
    assert refused.code is Code.AMOUNT_OVER_CEILING
    assert refused.money is pair.payer.money is Money.UNTOUCHED
    assert pair.payer.state is PayerState.REQUESTED
    pair.agree(70_000)
    pair.pay()
    pair.answer()
    assert pair.payer.state is PayerState.ACKNOWLEDGED
    assert pair.shop.money == pair.received == 70_000


# durable before visible


def test_no_byte_of_a_payment_leaves_before_the_purse_has_signed_and_noted_it(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    for point in ("-reserve", "reserve", "-sign", "sign"):
        pair.alia.cut_at(point)
        with pytest.raises(Exception, match=point):
            pair.agree()
        pair.alia.cut_at(None)
        assert pair.payer.bytes_to_send() is None
    pair.agree()
    pair.alia.cut_at("-shown")
    with pytest.raises(Exception, match="shown"):
        pair.payer.bytes_to_send()
    assert pair.alia.verbs[-1] == "shown"
    assert pair.payer.bytes_to_send() is not None


def test_no_byte_of_a_payment_leaves_when_the_purse_will_not_note_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(payment: bytes) -> None:
        raise Refusal(Code.ROLLBACK)

    pair = Pair.of()
    request = pair.payee.bytes_to_send()
    pair.ask()
    pair.agree()
    monkeypatch.setattr(pair.alia.paying, "shown", refuses)
    assert pair.payer.bytes_to_send() is None
    pair.to_payer(request)
    assert pair.payer.reply() is None
    assert pair.said_payer[-1] == PurseRefused(Code.ROLLBACK, {}, Money.PAID)
    assert pair.payer.state is PayerState.SIGNED


def test_no_receipt_leaves_before_the_purse_has_stored_the_payment(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    for point in ("-receive", "receive"):
        pair.shop.cut_at(point)
        with pytest.raises(Exception, match="receive"):
            pair.pay()
        assert (pair.payee.state, pair.payee.bytes_to_send()) == (PayeeState.RECEIVING, None)
    pair.pay()
    pair.answer()
    assert pair.payer.state is PayerState.ACKNOWLEDGED
    assert pair.shop.money == AMOUNT


# the same again


def test_every_message_may_come_any_number_of_times(place: Place) -> None:
    pair = Pair.of(place)
    request = pair.payee.bytes_to_send()
    for _ in range(3):
        pair.to_payer(request)
    pair.agree()
    payment = pair.payer.bytes_to_send()
    for _ in range(3):
        pair.to_payer(request)
        pair.to_payee(payment)
    receipt = pair.payee.bytes_to_send()
    for _ in range(3):
        pair.to_payer(receipt)
        pair.to_payee(payment)
        pair.to_payer(request)
    assert pair.payee.bytes_to_send() == receipt
    both_done(pair)
    assert pair.kinds() == (
        ["ConfirmationNeeded", "PaymentReady", "PaymentAcknowledged"],
        ["PaymentReceived", *["PaymentRepeated"] * 5],
    )


def test_a_repeated_request_is_answered_with_the_same_payment(place: Place) -> None:
    pair = Pair.of(place)
    request = pair.payee.bytes_to_send()
    pair.ask()
    pair.agree()
    payment = pair.payer.bytes_to_send()
    pair.to_payer(request)
    assert pair.payer.reply() == payment
    pair.to_payee(payment)
    pair.answer()
    pair.to_payer(request)
    assert (pair.payer.reply(), pair.payer.state) == (payment, PayerState.ACKNOWLEDGED)


def test_a_request_that_was_paid_is_never_paid_again_by_another_session(place: Place) -> None:
    pair = Pair.of(place)
    request = pair.payee.bytes_to_send()
    pair.run()
    first = pair.payer
    pair.payer = Payer(pair.alia.paying)
    pair.to_payer(request)
    found = pair.said_payer[-1]
    assert isinstance(found, PaymentFound)
    assert (pair.payer.state, pair.payer.payment_id) == (PayerState.ACKNOWLEDGED, first.payment_id)
    pair.to_payee(pair.payer.reply())
    both_done(pair)


def test_two_sessions_with_one_request_make_one_payment(place: Place) -> None:
    """The second was asked before the first had reserved: what it confirms is the first's payment."""
    pair = Pair.of(place, is_open=True)
    second = Payer(pair.alia.paying)
    second.receive(pair.payee.bytes_to_send() or b"")
    pair.ask()
    pair.agree(50_000)
    payment = pair.pay()
    second.confirm(50_000)
    assert (second.state, second.bytes_to_send()) == (PayerState.SHOWN, payment)
    pair.answer()
    assert pair.shop.money == 50_000


def test_what_another_session_reserved_for_another_amount_is_not_signed_here(place: Place) -> None:
    pair = Pair.of(place, is_open=True)
    second = Payer(pair.alia.paying)
    second.receive(pair.payee.bytes_to_send() or b"")
    pair.ask()
    pair.alia.cut_at("reserve")
    with pytest.raises(Exception, match="reserve"):
        pair.agree(50_000)
    second.confirm(60_000)
    assert second.state in (PayerState.RESERVED, PayerState.REQUESTED)
    assert "sign" not in pair.alia.verbs
    assert second.bytes_to_send() is None


# a printed code


def test_a_printed_code_that_may_be_paid_asks_which(place: Place) -> None:
    pair = Pair.of(place, 100_000, printed=True)
    pair.ask()
    pair.agree(100_000)
    payment = pair.pay()
    pair.payer = Payer(pair.alia.paying)
    pair.to_payer(messages.encode(RequestMessage(pair.request)))
    question = pair.said_payer[-1]
    assert isinstance(question, AlreadyPaid)
    assert (pair.payer.state, pair.payer.waiting) == (PayerState.PAID_BEFORE, Waiting.FOR_PERSON)
    (earlier,) = question.consideration.earlier
    with pytest.raises(LocalError):
        pair.payer.show_again(bytes(16))
    with pytest.raises(LocalError):
        pair.payer.confirm(100_000)
    pair.payer.show_again(earlier.id)
    pair.hear()
    assert pair.payer.bytes_to_send() == payment
    pair.pay()
    assert isinstance(pair.said_payee[-1], PaymentRepeated)
    pair.answer()
    assert pair.shop.money == 100_000


def test_a_printed_code_can_be_paid_anew(place: Place) -> None:
    pair = Pair.of(place, 100_000, printed=True)
    pair.ask()
    pair.agree(100_000)
    first = pair.pay()
    pair.payer = Payer(pair.alia.paying)
    pair.to_payer(messages.encode(RequestMessage(pair.request)))
    pair.payer.pay_anew()
    pair.hear()
    assert isinstance(pair.said_payer[-1], ConfirmationNeeded)
    assert pair.payer.bytes_to_send() is None
    pair.agree(100_000)
    assert pair.pay() != first
    pair.answer()
    assert pair.shop.money == pair.received == 200_000
    assert pair.payer.state is PayerState.ACKNOWLEDGED


def test_many_pay_one_printed_code_and_each_gets_its_own_receipt(place: Place) -> None:
    pair = Pair.of(place, 100_000, printed=True)
    request = pair.payee.bytes_to_send() or b""
    payers = [pair.payer, Payer(place.holder("bekzat", "zhibek", FUNDS).paying)]
    shown = []
    for payer in payers:
        payer.receive(request)
        payer.confirm(100_000)
        shown.append(payer.bytes_to_send() or b"")
    for turn in (0, 1, 0):
        pair.to_payee(shown[turn])
        payers[turn].receive(pair.payee.reply() or b"")
        assert payers[turn].state is PayerState.ACKNOWLEDGED
    assert pair.shop.money == pair.received == 200_000
