"""A payment meets a no, a wrong message, or noise: each has its typed outcome, and harms nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.holders import FUNDS, VALID_FOR, Place
from tests.session.pairs import AMOUNT, LATE, Pair, both_done, problem
from wallet.protocol.codes import Code
from wallet.protocol.receipt import Receipt
from wallet.session import LocalError, Money, Payee, PayeeState, Payer, PayerState, messages
from wallet.session.events import (
    MessageRefused,
    PassedOver,
    PaymentDropped,
    PaymentReceived,
    PaymentRefused,
    PaymentRepeated,
    PaymentReturned,
    PeerProblem,
    PurseRefused,
    RequestCancelled,
    RequestExpired,
)
from wallet.session.messages import PaymentMessage, ProblemMessage, ReceiptMessage, RequestMessage

# the person says no, the clock says no


def test_declined(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.payer.decline()
    pair.hear()
    assert pair.said_payer[-1] == PaymentDropped(Code.DECLINED)
    assert problem(pair.payer.bytes_to_send()) is Code.DECLINED
    pair.to_payee(pair.payer.bytes_to_send())
    assert pair.said_payee == [PeerProblem(Code.DECLINED, {})]
    assert (pair.payee.state, pair.payee.reply()) == (PayeeState.REQUESTING, None)
    assert pair.alia.money == sum(FUNDS)
    with pytest.raises(LocalError):
        pair.payer.confirm(AMOUNT)


def test_a_request_that_expires_while_the_person_thinks_is_dropped(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    expires = pair.request.body.expires
    pair.payer.tick(expires)
    assert pair.payer.state is PayerState.REQUESTED
    pair.payer.tick(expires + 1)
    pair.hear()
    assert pair.said_payer[-1] == PaymentDropped(Code.REQUEST_EXPIRED)
    assert problem(pair.payer.bytes_to_send()) is Code.REQUEST_EXPIRED


def test_what_is_signed_never_expires(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    payment = pair.payer.bytes_to_send()
    pair.payer.tick(pair.request.body.expires + 10 * VALID_FOR)
    assert pair.payer.bytes_to_send() == payment
    with pytest.raises(LocalError):
        pair.payer.decline()


@pytest.mark.parametrize("how", ["expired", "cancelled"])
def test_a_payment_signed_in_time_is_received_when_nobody_asks_any_more(place: Place, how: str) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    if how == "expired":
        pair.payee.tick(pair.request.body.expires + 1)
    else:
        pair.payee.cancel()
    pair.hear()
    assert pair.said_payee == [RequestExpired() if how == "expired" else RequestCancelled()]
    told = problem(pair.payee.bytes_to_send())
    assert told is (Code.REQUEST_EXPIRED if how == "expired" else Code.DECLINED)
    pair.pay()
    pair.answer()
    both_done(pair)


# the purse says no


def test_short_of_funds_the_stranger_learns_nothing_of_the_purse(place: Place) -> None:
    pair = Pair.of(place, sum(FUNDS) + 1)
    pair.ask()
    refused = pair.said_payer[-1]
    assert isinstance(refused, PurseRefused)
    assert (refused.code, refused.money) == (Code.FUNDS_SHORT, Money.UNTOUCHED)
    assert refused.facts
    assert messages.decode(pair.payer.reply() or b"") == ProblemMessage(Code.DECLINED)
    assert pair.payer.state is PayerState.IDLE
    smaller = pair.shop.ask(1_000)
    pair.payee = Payee(pair.shop.receiving, smaller)
    pair.ask()
    pair.agree(1_000)
    assert pair.payer.state is PayerState.SIGNED


def test_a_request_with_a_broken_signature_is_told_to_its_sender(place: Place) -> None:
    pair = Pair.of(place)
    raw = bytearray(pair.payee.bytes_to_send() or b"")
    raw[-1] ^= 1
    pair.to_payer(bytes(raw))
    assert problem(pair.payer.reply()) is Code.REQUEST_SIGNATURE
    assert pair.payer.state is PayerState.IDLE
    pair.run()
    both_done(pair)


def test_refused_after_signing_the_money_comes_back(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    pair.shop.run_ahead(LATE)
    payment = pair.pay()
    refused = pair.said_payee[-1]
    assert isinstance(refused, PaymentRefused)
    assert refused.received.code is Code.CERTIFICATE_EXPIRED
    assert pair.payee.state is PayeeState.REFUSED
    first = pair.answer()
    returned = pair.said_payer[-1]
    assert isinstance(returned, PaymentReturned)
    assert returned.code is Code.CERTIFICATE_EXPIRED
    assert returned.receipt.refusals
    assert (pair.payer.state, pair.payer.money) == (PayerState.REFUSED, Money.RETURNING)
    assert pair.shop.money == pair.received == 0
    pair.shop.run_ahead(0)
    pair.to_payee(payment)
    assert isinstance(pair.said_payee[-1], PaymentRepeated)
    assert (pair.payee.state, pair.payee.bytes_to_send()) == (PayeeState.REFUSED, first)


# what does not belong here


def test_another_request_in_mid_payment_harms_nothing(place: Place) -> None:
    pair = Pair.of(place)
    other = messages.encode(RequestMessage(pair.shop.ask(1_000)))
    pair.ask()
    for act in (lambda: None, pair.agree, pair.pay, pair.answer):
        act()
        state, standing = pair.payer.state, pair.payer.bytes_to_send()
        state = pair.payer.state
        pair.to_payer(other)
        assert pair.said_payer[-1] == MessageRefused(Code.MESSAGE_UNEXPECTED, {"state": state.value})
        assert problem(pair.payer.reply()) is Code.MESSAGE_UNEXPECTED
        assert (pair.payer.state, pair.payer.bytes_to_send()) == (state, standing)
    both_done(pair)


def test_a_payment_to_an_earlier_request_is_taken_without_moving_this_one(place: Place) -> None:
    pair = Pair.of(place, 60_000)
    pair.ask()
    pair.agree(60_000)
    payment = pair.payer.bytes_to_send()
    later = pair.shop.ask(70_000)
    pair.payee = Payee(pair.shop.receiving, later)
    pair.to_payee(payment)
    assert isinstance(pair.said_payee[-1], PaymentReceived)
    assert pair.payee.state is PayeeState.REQUESTING
    pair.to_payer(pair.payee.reply())
    assert pair.payer.state is PayerState.ACKNOWLEDGED
    pair.to_payee(payment)
    assert isinstance(pair.said_payee[-1], PaymentRepeated)
    pair.payer = Payer(pair.alia.paying)
    pair.ask()
    pair.agree(70_000)
    pair.pay()
    pair.answer()
    assert pair.shop.money == pair.received == 130_000


def test_an_old_receipt_is_passed_over(place: Place) -> None:
    pair = Pair.of(place, 60_000)
    pair.ask()
    pair.agree(60_000)
    pair.pay()
    old = pair.answer()
    pair.payer, pair.payee = Payer(pair.alia.paying), Payee(pair.shop.receiving, pair.shop.ask(70_000))
    for act in (lambda: None, pair.ask, lambda: pair.agree(70_000), pair.pay):
        act()
        state = pair.payer.state
        pair.to_payer(old)
        assert pair.said_payer[-1] == PassedOver()
        assert (pair.payer.state, pair.payer.reply()) == (state, None)


def test_a_receipt_that_the_payee_did_not_sign_is_no_receipt(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    pair.pay()
    message = messages.decode(pair.payee.bytes_to_send() or b"")
    assert isinstance(message, ReceiptMessage)
    raw = bytearray(messages.encode(message))
    at = raw.index(message.receipt.signed.signature) + 40
    raw[at] ^= 1
    pair.to_payer(bytes(raw))
    assert problem(pair.payer.reply()) is Code.RECEIPT_SIGNATURE
    assert pair.payer.state is PayerState.SHOWN
    pair.answer()
    both_done(pair)


def test_a_forged_refusal_does_not_take_the_payers_money_off_the_books(place: Place) -> None:
    """The payee's refusal must carry the redemptions that give the money back."""
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    pair.shop.run_ahead(LATE)
    pair.pay()
    message = messages.decode(pair.payee.bytes_to_send() or b"")
    assert isinstance(message, ReceiptMessage)
    pair.to_payer(messages.encode(ReceiptMessage(Receipt(message.receipt.signed, ()))))
    assert problem(pair.payer.reply()) is Code.RECEIPT_SIGNATURE
    assert pair.payer.state is PayerState.SHOWN


def test_an_invalid_payment_is_refused_and_the_request_still_stands(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    raw = pair.payer.bytes_to_send() or b""
    message = messages.decode(raw)
    assert isinstance(message, PaymentMessage)
    at = raw.index(message.payment.newest[0].signature) + 10
    pair.to_payee(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    assert problem(pair.payee.reply()) is Code.TRANSFER_SIGNATURE
    assert pair.payee.state is PayeeState.REQUESTING
    pair.pay()
    pair.answer()
    both_done(pair)


def test_a_payment_to_somebody_else_is_refused(place: Place) -> None:
    pair = Pair.of(place)
    pair.ask()
    pair.agree()
    stranger = place.holder("stranger", "alatau")
    session = Payee(stranger.receiving, stranger.ask(AMOUNT))
    session.receive(pair.payer.bytes_to_send() or b"")
    assert problem(session.reply()) is Code.PAYEE_OTHER
    assert stranger.money == 0


def test_two_sessions_never_answer_each_other_for_ever(place: Place) -> None:
    """Two payees, or two payers, put opposite each other: a problem each, and silence."""
    pair = Pair.of(place)
    mirror = Payee(pair.shop.receiving, pair.shop.ask(1))
    said = pair.payee.bytes_to_send()
    for turn in range(4):
        if said is None:
            break
        session = (mirror, pair.payee)[turn % 2]
        session.receive(said)
        said = session.reply()
    assert said is None


# noise


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=12), st.integers(0, 3))
def test_noise_changes_nothing(noise: list[tuple[bool, bytes]], progress: int) -> None:
    pair = Pair.of()
    acts = (pair.ask, pair.agree, pair.pay)
    for act in acts[:progress]:
        act()
    states = pair.payer.state, pair.payee.state
    verbs = len(pair.alia.verbs), len(pair.shop.verbs)
    for is_for_payer, raw in noise:
        session = pair.payer if is_for_payer else pair.payee
        session.receive(raw)
        told = messages.decode(session.reply() or b"")
        assert isinstance(told, ProblemMessage)
        assert all(isinstance(item, MessageRefused) for item in session.events())
    assert (pair.payer.state, pair.payee.state) == states
    assert (len(pair.alia.verbs), len(pair.shop.verbs)) == verbs
    for act in (*acts[progress:], pair.answer):
        act()
    both_done(pair)


@given(st.data())
def test_every_damaged_message_gets_a_typed_answer(data: st.DataObject) -> None:
    """One byte changed, some lost, or some added, in each message: the payment goes on as if it had not come."""
    pair = Pair.of()

    def damaged(raw: bytes | None) -> bytes:
        assert raw is not None
        at = data.draw(st.integers(0, len(raw) - 1))
        new = data.draw(
            st.one_of(st.binary(max_size=3), st.integers(0, 7).map(lambda b: bytes([raw[at] ^ 1 << b])))
        )
        return raw[:at] + new + raw[at + data.draw(st.integers(0, 3)) :]

    pair.payer.receive(damaged(pair.payee.bytes_to_send()))
    if pair.payer.state is not PayerState.IDLE:
        return  # what was drawn put the same bytes back
    pair.ask()
    pair.agree()
    pair.payee.receive(damaged(pair.payer.bytes_to_send()))
    pair.pay()
    pair.payer.receive(damaged(pair.payee.bytes_to_send()))
    pair.answer()
    assert (pair.payer.state, pair.payee.state) == (PayerState.ACKNOWLEDGED, PayeeState.ACKNOWLEDGED)
    assert pair.shop.money == AMOUNT


def test_a_second_payer_of_one_request_is_refused_and_the_first_stays_paid(place: Place) -> None:
    pair = Pair.of(place)
    second = Payer(place.holder("bekzat", "zhibek", FUNDS).paying)
    second.receive(pair.payee.bytes_to_send() or b"")
    second.confirm(AMOUNT)
    pair.ask()
    pair.agree()
    pair.pay()
    receipt = pair.answer()
    pair.to_payee(second.bytes_to_send())
    refused = pair.said_payee[-1]
    assert isinstance(refused, PaymentRefused)
    assert refused.received.code is Code.REQUEST_ANSWERED
    second.receive(pair.payee.reply() or b"")
    assert (second.state, second.money) == (PayerState.REFUSED, Money.RETURNING)
    assert pair.payee.bytes_to_send() == receipt
    both_done(pair)
    pair.restart_payee()
    assert pair.payee.bytes_to_send() == receipt


def test_a_printed_code_is_not_paid_anew_by_somebody_who_was_not_asked(place: Place) -> None:
    """The other session paid after this one had considered: the person here never heard of it."""
    pair = Pair.of(place, 100_000, printed=True)
    second = Payer(pair.alia.paying)
    second.receive(pair.payee.bytes_to_send() or b"")
    pair.ask()
    pair.agree(100_000)
    pair.pay()
    second.confirm(100_000)
    assert [item.code for item in second.events() if isinstance(item, PurseRefused)] == [Code.ALREADY_PAID]
    assert (second.state, second.bytes_to_send()) == (PayerState.REQUESTED, None)
