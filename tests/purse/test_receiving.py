"""Receiving: one path; a repeat is the first answer again; what is valid and unwelcome is given back, for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.purses import Clone, pay_unseen, refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY, LIMITS
from wallet.protocol.bounds import MAX_REFUSALS
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.policy import Reason
from wallet.protocol.receipt import check_receipt
from wallet.protocol.request import Request
from wallet.protocol.transfer import TokenRef, ToPayer
from wallet.protocol.validity import verify
from wallet.purse.store.payments import PaymentState
from wallet.purse.store.tokens import TokenState
from wallet.purse.view.history import EventKind


def test_a_repeat_gets_the_first_receipt_and_says_of_when(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    _, raw = pay_unseen(net, "asel", berik.receiving.request(30_000))
    first = berik.receiving.receive(raw)
    net.world.now += 90
    again = net.open("berik").receiving.receive(raw)
    assert (again.receipt, again.code) == (first.receipt, None)
    assert (first.repeat_of, again.repeat_of) == (None, net.world.now - 90)
    assert net.wallets["berik"].balance().spendable == 30_000


def test_other_company_makes_no_new_payment(net: WalletNetwork) -> None:
    """The same transfers with another policy beside them are the same payment."""
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    _, raw = pay_unseen(net, "asel", berik.receiving.request(30_000))
    first = berik.receiving.receive(raw)
    net.revoke(b"\1" * 16, Reason.LOST)
    again = berik.receiving.receive(replace(parse_payment(raw), policy=net.update()).encode())
    assert (again.receipt, again.repeat_of) == (first.receipt, net.world.now)
    assert asel.balance().held + berik.balance().held == 100_000


def test_a_payment_to_somebody_else_is_not_kept(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik, dina = net.wallet("berik"), net.wallet("dina")
    _, raw = pay_unseen(net, "asel", berik.receiving.request(30_000))
    with refused(Code.PAYEE_OTHER):
        dina.receiving.receive(raw)
    assert dina._purse.store.value("SELECT count(*) FROM object WHERE kind = 'transfer'") == 0


def test_what_is_not_valid_leaves_no_trace(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    _, raw = pay_unseen(net, "asel", berik.receiving.request(30_000))
    payment = parse_payment(raw)
    bad = replace(payment.transfers[0], signature=payment.certificates[0].signature)
    with refused(Code.TRANSFER_SIGNATURE):
        berik.receiving.receive(replace(payment, transfers=(bad,)).encode())
    with pytest.raises(Refusal):
        berik.receiving.receive(raw[:-1])
    assert berik.tokens() == ()
    assert berik.receiving.receive(raw).code is None


def test_refusing_gives_the_money_back_and_keeps_it_out_for_ever(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(30_000, valid_for=60)
    payment, raw = pay_unseen(net, "asel", request)
    net.world.now += DAY
    net.ahead["berik"] = 61 * DAY
    berik = net.open("berik")
    received = berik.receiving.receive(raw)
    assert received.code is Code.CERTIFICATE_EXPIRED
    assert berik.balance().held == 0
    assert berik.balance().refused == 30_000
    check_receipt(received.receipt, request.body.key)
    (refusal,) = received.receipt.refusals
    (paid,) = verify(raw, net.world.directory()).received
    assert refusal.body.purpose == ToPayer(paid.payer or b"")
    assert asel.paying.acknowledge(payment, received.receipt) is PaymentState.REFUSED
    assert asel.paying.summary(payment).code is Code.CERTIFICATE_EXPIRED
    assert (asel.balance().signed, asel.balance().redeeming, asel.balance().spendable) == (0, 30_000, 70_000)
    net.ahead["berik"] = 0
    berik = net.open("berik")
    again = berik.receiving.receive(raw)
    assert (again.receipt, again.code) == (received.receipt, received.code)
    assert berik.balance().held == 0


def test_a_request_with_a_nonce_takes_one_payment(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    _, one = pay_unseen(net, "asel", request)
    _, other = pay_unseen(net, "dina", request)
    assert berik.receiving.receive(one).code is None
    second = berik.receiving.receive(other)
    assert second.code is Code.REQUEST_ANSWERED
    assert (berik.balance().held, berik.balance().refused) == (30_000, 30_000)
    answered = berik.receiving.answered(request)
    assert answered is not None
    assert (answered.code, answered.amount, answered.repeat_of) == (None, 30_000, net.world.now)


def test_the_first_failing_check_of_the_page_gives_the_code(net: WalletNetwork, clone: Clone) -> None:
    """An answered request is 8.4.2, wherever the other answer is; a wrong amount is 8.4.7."""
    net.wallet("asel", 100_000, 50_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(100_000)
    _, one = pay_unseen(net, "asel", request)
    (spent,) = parse_payment(one).transfers[0].body.inputs
    wrong = clone.payment_of(TokenRef(spent.txid, 1 - spent.output), request)
    assert berik.receiving.receive(wrong).code is Code.AMOUNT_MISMATCH
    assert berik.receiving.receive(one).code is None
    later = clone.payment_of(TokenRef(spent.txid, 1 - spent.output), request, number=7)
    assert berik.receiving.receive(later).code is Code.REQUEST_ANSWERED


def test_what_the_ledger_delivered_counts_once_against_the_limit(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, balance=100_000)
    net.wallet("asel", 100_000)
    shop = net.merchant("shop")
    request = shop.receiving.request(100_000, is_open=True, printed=True)
    asel = net.wallets["asel"].paying
    first = asel.sign(asel.reserve(request, 50_000))
    net.reconcile("asel")
    net.reconcile("shop")
    assert shop.balance().held == 50_000
    second = asel.sign(asel.reserve(request, 50_000, allow_second=True))
    both = replace(parse_payment(second), new=2)
    assert parse_payment(first).ids[0] in both.ids
    received = shop.receiving.receive(both.encode())
    assert (received.code, received.amount, shop.balance().held) == (None, 50_000, 100_000)


def test_open_fundings_count_against_the_balance_limit_as_requests_do(net: WalletNetwork) -> None:
    """Whatever was asked for may come: it is one sum, for asking, funding and receiving."""
    net.limits = replace(LIMITS, balance=100_000)
    net.wallet("asel", 100_000)
    shop = net.merchant("shop")
    printed = shop.receiving.request(100_000, is_open=True, printed=True)
    shop.reconciling.fundings.begin(60_000)
    with refused(Code.LIMIT_BALANCE):
        shop.receiving.request(40_001)
    shop.receiving.request(10_000, valid_for=30)
    with refused(Code.LIMIT_BALANCE):
        shop.reconciling.fundings.begin(30_001)
    asel = net.wallets["asel"].paying
    net.world.now += 31
    assert shop.receiving.receive(asel.sign(asel.reserve(printed, 40_001))).code is Code.LIMIT_BALANCE
    assert shop.receiving.receive(asel.sign(asel.reserve(printed, 40_000, allow_second=True))).code is None


def payers_at_once(net: WalletNetwork, request: Signed[Request], count: int) -> bytes:
    """One payment of the wrong amount from ``count`` payers: a refusal would need a redemption for each."""
    payments = []
    for number in range(count):
        name = f"payer {number} of {count}"
        net.wallet(name, 10_000)
        payments.append(parse_payment(pay_unseen(net, name, request)[1]))
    return Payment(
        count,
        tuple(item.transfers[0] for item in payments),
        tuple(item.issuances[0] for item in payments),
        tuple(item.certificates[0] for item in payments),
    ).encode()


def test_a_payment_from_more_payers_than_one_receipt_can_refuse_is_not_kept(net: WalletNetwork) -> None:
    shop = net.merchant("shop")
    request = shop.receiving.request(10_000, printed=True)
    raw = payers_at_once(net, request, MAX_REFUSALS + 1)
    with refused(Code.TOO_MANY):
        shop.receiving.receive(raw)
    assert shop._purse.store.value("SELECT count(*) FROM object WHERE kind = 'transfer'") == 0
    fewer = payers_at_once(net, request, MAX_REFUSALS)
    received = shop.receiving.receive(fewer)
    assert (received.code, len(received.receipt.refusals)) == (Code.AMOUNT_MISMATCH, MAX_REFUSALS)


def test_every_payment_that_came_keeps_its_own_answer(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    given = [
        berik.receiving.receive(pay_unseen(net, payer, request)[1]).receipt for payer in ("asel", "dina")
    ]
    berik = net.open("berik")
    incoming = sorted(berik.history(), key=lambda event: event.kind is EventKind.REFUSED)
    assert [berik.receiving.answer_of(event.id).receipt for event in incoming] == given
    assert [berik.receiving.answer_of(event.id).code for event in incoming] == [None, Code.REQUEST_ANSWERED]
    with refused(Code.PAYMENT_UNKNOWN):
        berik.receiving.answer_of(bytes(32))


def test_a_payment_to_a_request_that_was_lost_is_given_back(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    _, raw = pay_unseen(net, "asel", request)
    store = berik._purse.store
    with store.transaction():
        store.write("DELETE FROM request")
    assert berik.receiving.receive(raw).code is Code.REQUEST_UNKNOWN
    assert berik.balance().refused == 30_000


def test_the_request_at_hand_helps_where_the_store_lost_it(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    _, raw = pay_unseen(net, "asel", request)
    store = berik._purse.store
    with store.transaction():
        store.write("DELETE FROM request")
    assert berik.receiving.receive(raw, request).code is None


def test_a_token_spent_twice_is_taken_once_and_proved(net: WalletNetwork, clone: Clone) -> None:
    net.wallet("asel", 50_000)
    berik, dina = net.wallet("berik"), net.wallet("dina")
    requests = [berik.receiving.request(50_000), dina.receiving.request(50_000)]
    _, one = pay_unseen(net, "asel", requests[0])
    other = clone.second_payment(requests[1])
    assert berik.receiving.receive(one).code is None
    assert dina.receiving.receive(other).code is None
    shop = net.merchant("shop")
    net.pay("berik", "shop", 50_000)
    payment, raw = pay_unseen(net, "dina", shop.receiving.request(50_000))
    received = shop.receiving.receive(raw)
    assert received.code is Code.TOKEN_CONSUMED_TWICE
    assert (shop.balance().held, shop.balance().refused) == (50_000, 50_000)
    (evidence,) = shop.evidence()
    assert {evidence.first.id, evidence.second.id} == {
        parse_payment(one).transfers[0].id,
        parse_payment(other).transfers[0].id,
    }
    dina.paying.acknowledge(payment, received.receipt)
    uploaded = {item.id for item in shop.reconciling.uploads.next().transfers}
    assert {evidence.first.id, evidence.second.id} <= uploaded


def test_outstanding_requests_count_against_the_balance_limit(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, balance=100_000)
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(60_000)
    berik.receiving.request(40_000, valid_for=30)
    with refused(Code.LIMIT_BALANCE):
        berik.receiving.request(1)
    assert berik.receiving.request(100_000, printed=True).body.is_printed
    net.world.now += 31
    with refused(Code.LIMIT_BALANCE):
        berik.receiving.request(40_001)
    _, raw = pay_unseen(net, "asel", request)
    assert berik.receiving.receive(raw).code is None
    with refused(Code.LIMIT_BALANCE):
        berik.receiving.request(40_001)
    assert berik.receiving.request(40_000).body.amount == 40_000


def test_what_would_break_the_balance_limit_is_given_back(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, balance=100_000)
    net.wallet("asel", 100_000)
    shop = net.merchant("shop")
    request = shop.receiving.request(60_000, printed=True)
    _, one = pay_unseen(net, "asel", request)
    net.wallet("dina", 100_000)
    _, other = pay_unseen(net, "dina", request)
    assert shop.receiving.receive(one).code is None
    assert shop.receiving.receive(other).code is Code.LIMIT_BALANCE
    assert shop.balance().held == 60_000


def test_a_request_never_outlives_its_certificate(net: WalletNetwork) -> None:
    shop = net.merchant("shop")
    request = shop.receiving.request(1_000, printed=True, valid_for=365 * DAY)
    assert request.body.expires == net.world.now + 60 * DAY


def test_requests_are_checked_before_they_are_signed(net: WalletNetwork) -> None:
    berik = net.wallet("berik")
    with refused(Code.AMOUNT_INVALID):
        berik.receiving.request(0)
    with refused(Code.MALFORMED):
        berik.receiving.request(1_000, memo="ә" * 71)


def test_refusals_take_numbers_of_the_same_count(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik", 50_000)
    request = berik.receiving.request(30_000)
    net.pay("berik", "asel", 10_000)
    for payer in ("asel", "dina"):
        berik.receiving.receive(pay_unseen(net, payer, request)[1])
    net.pay("berik", "asel", 5_000)
    rows = berik._purse.store.rows("SELECT sequence, total FROM outgoing ORDER BY sequence")
    assert [tuple(row) for row in rows] == [(1, 10_000), (2, 10_000), (3, 15_000)]


def test_a_refused_token_is_in_no_candidate_and_no_risk(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    for payer in ("asel", "dina"):
        berik.receiving.receive(pay_unseen(net, payer, request)[1])
    assert berik.risk().amount == berik.balance().held == 30_000
    assert [item.state for item in berik.tokens()] == [TokenState.HELD]
    assert len(berik._purse.tokens.all(TokenState.REFUSED)) == 1


def test_an_old_payment_called_new_again_is_no_new_money(net: WalletNetwork) -> None:
    """Nobody signs how many of a payment's transfers are new: only what the purse did not have counts."""
    asel, shop = net.wallet("asel", 100_000), net.merchant("shop")
    code = shop.receiving.request(100_000, is_open=True, printed=True)
    first = asel.paying.reserve(code, 30_000)
    receipt = shop.receiving.receive(asel.paying.sign(first)).receipt
    asel.paying.acknowledge(first, receipt)
    second = parse_payment(asel.paying.sign(asel.paying.reserve(code, 1_000, allow_second=True)))
    assert len(second.transfers) == 2
    both = replace(second, new=2).encode()
    received = shop.receiving.receive(both)
    assert (received.amount, received.repeat_of) == (1_000, None)
    assert {event.amount for event in shop.history() if event.kind is EventKind.RECEIVED} == {30_000, 1_000}
    assert shop.receiving.receive(both).repeat_of is not None
    assert shop.receiving.receive(second.encode()).repeat_of is not None
    assert sum(event.amount for event in shop.history()) == 31_000
    assert shop.balance().spendable == 31_000
