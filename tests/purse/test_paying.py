"""Paying: one payment is one intent; signed is final; shown again it is the same bytes."""

from __future__ import annotations

from dataclasses import replace

from tests.support.purses import refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY, LIMITS, Key
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason
from wallet.protocol.validity import issued_tokens, verify
from wallet.purse.evidences import Evidences
from wallet.purse.pay.selection import MAX_PARTS
from wallet.purse.store.payments import PaymentState


def test_pays_exactly_what_is_asked_and_keeps_the_change(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000, 50_000), net.wallet("berik", bank="zhibek")
    received = net.pay("asel", "berik", 70_000)
    assert (received.code, received.amount, received.repeat_of) == (None, 70_000, None)
    assert asel.balance().spendable == 80_000
    assert asel.balance().signed == 0
    assert berik.balance().spendable == berik.balance().unsettled == 70_000


def test_the_amount_leaves_when_it_is_signed_and_not_before(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    assert (asel.balance().spendable, asel.balance().reserved, asel.balance().held) == (0, 100_000, 100_000)
    asel.paying.sign(payment)
    assert (asel.balance().spendable, asel.balance().reserved, asel.balance().signed) == (70_000, 0, 30_000)


def test_signing_again_and_showing_again_give_the_same_bytes(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    raw = asel.paying.sign(payment)
    asel = net.open("asel")
    assert asel.paying.sign(payment) == raw == asel.paying.show_again(payment)
    assert asel.paying.summary(payment).state is PaymentState.SHOWN


def test_an_intent_survives_and_is_signed_with_the_same_transaction_ids(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    (before,) = asel._purse.outgoing.of_payment(payment)
    asel = net.open("asel")
    assert [item.state for item in asel.paying.pending()] == [PaymentState.RESERVED]
    raw = asel.paying.sign(payment)
    assert verify(raw, net.world.directory()).payment.ids == (before,)


def test_a_request_with_a_nonce_never_gets_a_second_payment(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(30_000)
    first = asel.paying.reserve(request)
    assert asel.paying.reserve(request) == first
    asel.paying.sign(first)
    assert asel.paying.reserve(request) == first
    net.world.now += 2 * DAY
    considered = asel.paying.consider(request)
    assert (considered.prior, considered.payment) == (PaymentState.SIGNED, first)


def test_a_dropped_intent_frees_its_tokens_and_its_number(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(30_000)
    first = asel.paying.reserve(request)
    asel.paying.drop(first)
    asel.paying.drop(first)
    assert asel.balance().spendable == 100_000
    second = asel.paying.reserve(request)
    assert second != first
    (transfer,) = verify(asel.paying.sign(second), net.world.directory()).payment.transfers
    assert (transfer.body.sequence, transfer.body.total) == (1, 30_000)


def test_what_is_signed_cannot_be_dropped(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    asel.paying.sign(payment)
    with refused(Code.PAYMENT_STATE):
        asel.paying.drop(payment)
    assert asel.balance().spendable == 70_000


def test_only_one_intent_is_open_at_a_time(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000, 100_000), net.wallet("berik")
    asel.paying.reserve(berik.receiving.request(30_000))
    with refused(Code.PAYMENT_STATE):
        asel.paying.reserve(berik.receiving.request(40_000))


def test_an_intent_whose_request_has_expired_is_dropped_by_itself(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(30_000, valid_for=60)
    payment = asel.paying.reserve(request)
    net.world.now += 61
    asel = net.open("asel")
    assert asel.paying.summary(payment).state is PaymentState.DROPPED
    assert asel.balance().spendable == 100_000
    with refused(Code.REQUEST_EXPIRED):
        asel.paying.consider(request)


def test_an_expired_intent_is_not_signed(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000, valid_for=60))
    net.world.now += 61
    with refused(Code.REQUEST_EXPIRED):
        asel.paying.sign(payment)
    with refused(Code.PAYMENT_STATE):
        asel.paying.sign(payment)
    assert asel.balance().spendable == 100_000


def test_a_printed_code_asks_before_it_is_paid_again(net: WalletNetwork) -> None:
    asel, shop = net.wallet("asel", 100_000, 50_000), net.merchant("shop")
    request = shop.receiving.request(30_000, printed=True)
    first = asel.paying.reserve(request)
    assert asel.paying.reserve(request) == first
    shop_got = shop.receiving.receive(asel.paying.sign(first))
    with refused(Code.ALREADY_PAID):
        asel.paying.reserve(request)
    assert [item.id for item in asel.paying.consider(request).earlier] == [first]
    second = asel.paying.reserve(request, allow_second=True)
    assert second != first
    assert shop.receiving.receive(asel.paying.sign(second)).code is None
    asel.paying.acknowledge(first, shop_got.receipt)
    assert [item.id for item in asel.paying.consider(request).earlier] == [second]
    assert shop.balance().spendable == 60_000


def test_an_open_request_is_paid_up_to_its_ceiling(net: WalletNetwork) -> None:
    asel, shop = net.wallet("asel", 100_000), net.merchant("shop")
    request = shop.receiving.request(50_000, is_open=True)
    considered = asel.paying.consider(request)
    assert (considered.amount, considered.ceiling, considered.payee.name) == (None, 50_000, "Shop")
    with refused(Code.AMOUNT_OVER_CEILING):
        asel.paying.reserve(request, 50_001)
    payment = asel.paying.reserve(request, 20_000)
    with refused(Code.ALREADY_PAID):
        asel.paying.reserve(request, 30_000)
    assert shop.receiving.receive(asel.paying.sign(payment)).amount == 20_000


def test_a_receipt_closes_a_payment_once(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    with refused(Code.PAYMENT_STATE):
        asel.paying.acknowledge(payment, _receipt(net))
    received = berik.receiving.receive(asel.paying.sign(payment))
    assert asel.paying.acknowledge(payment, received.receipt) is PaymentState.ACKNOWLEDGED
    assert asel.paying.acknowledge(payment, received.receipt) is PaymentState.ACKNOWLEDGED
    assert asel.paying.receipt(payment) == received.receipt
    assert asel.paying.pending() == ()


def _receipt(net: WalletNetwork):  # type: ignore[no-untyped-def]
    net.wallet("dina", 10_000), net.wallet("erlan")
    return net.pay("dina", "erlan", 5_000).receipt


def test_a_strangers_receipt_closes_nothing(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(30_000))
    asel.paying.sign(payment)
    with refused(Code.RECEIPT_SIGNATURE):
        asel.paying.acknowledge(payment, _receipt(net))
    assert asel.paying.summary(payment).state is PaymentState.SIGNED


def test_sequence_numbers_and_totals_go_on_over_payments_and_keys(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", 100_000, 100_000, 100_000), net.wallet("berik")
    net.pay("asel", "berik", 10_000)
    net.certify("asel")
    net.pay("asel", "berik", 20_000)
    rows = asel._purse.store.rows("SELECT sequence, total FROM outgoing ORDER BY sequence")
    assert [tuple(row) for row in rows] == [(1, 10_000), (2, 30_000)]


def test_tokens_of_two_keys_pay_together_in_one_payment(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 60_000), net.wallet("berik")
    net.certify("asel")
    net.fund_exactly("asel", 70_000)
    payment = asel.paying.reserve(berik.receiving.request(100_000))
    raw = asel.paying.sign(payment)
    verified = verify(raw, net.world.directory())
    assert len(verified.payment.newest) == 2
    assert berik.receiving.receive(raw).amount == 100_000
    assert (asel.balance().held, berik.balance().spendable) == (30_000, 100_000)


def test_more_keys_than_one_receipt_can_refuse_are_too_scattered(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 10_000), net.wallet("berik")
    for _ in range(MAX_PARTS):
        net.certify("asel")
        net.fund_exactly("asel", 10_000)
    with refused(Code.FUNDS_SCATTERED):
        asel.paying.consider(berik.receiving.request((MAX_PARTS + 1) * 10_000))
    assert net.pay("asel", "berik", MAX_PARTS * 10_000).code is None


def test_payers_refusals(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    with refused(Code.FUNDS_SHORT):
        asel.paying.consider(berik.receiving.request(100_001))
    with refused(Code.SELF_PAYMENT):
        asel.paying.consider(asel.receiving.request(10_000))
    other = replace(berik.receiving.request(10_000).body, currency="USD")
    signer = berik._purse.epochs.signer(other.key)
    with refused(Code.CURRENCY_OTHER):
        asel.paying.consider(cose.sign(other, signer))
    forged = cose.sign(other, net.world.issuing.sign)
    with refused(Code.REQUEST_SIGNATURE):
        asel.paying.consider(forged)
    with refused(Code.PAYMENT_UNKNOWN):
        asel.paying.sign(b"nothing")
    assert asel.balance().spendable == 100_000


def test_an_own_older_key_is_still_oneself(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    request = asel.receiving.request(10_000)
    net.certify("asel")
    with refused(Code.SELF_PAYMENT):
        asel.paying.consider(request)


def test_limits_of_the_payer(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, payment=50_000, total=80_000, days=3)
    asel, berik = net.wallet("asel", 100_000, 100_000), net.wallet("berik")
    with refused(Code.LIMIT_PAYMENT):
        asel.paying.consider(berik.receiving.request(50_001))
    net.pay("asel", "berik", 50_000)
    with refused(Code.LIMIT_TOTAL):
        asel.paying.consider(berik.receiving.request(30_001))
    net.pay("asel", "berik", 30_000)
    net.certify("asel")
    with refused(Code.RECONCILE_FIRST):
        asel.paying.consider(berik.receiving.request(40_000))
    net.fund_exactly("asel", 60_000)
    assert net.pay("asel", "berik", 40_000).code is None
    net.world.now += 3 * DAY + 1
    with refused(Code.LIMIT_DAYS):
        asel.paying.consider(berik.receiving.request(1))


def test_the_limit_on_hops_is_the_certificates(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, hops=2)
    for name in ("asel", "berik", "dina", "erlan"):
        net.wallet(name)
    net.fund_exactly("asel", 50_000)
    net.pay("asel", "berik", 50_000)
    net.pay("berik", "dina", 50_000)
    with refused(Code.HOPS_USED_UP):
        net.pay("dina", "erlan", 50_000)
    assert net.wallets["dina"].balance().waiting == 50_000


def test_nobody_pays_a_wallet_that_is_revoked(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(10_000)
    net.revoke(net.revocation_id_of("berik"), Reason.LOST)
    net.learn_policy("asel")
    with refused(Code.REVOKED_COUNTERPART):
        asel.paying.consider(request)
    net.revoke(net.revocation_id_of("asel"), Reason.CLOSED)
    net.learn_policy("asel")
    with refused(Code.WALLET_REVOKED):
        asel.paying.consider(net.wallet("dina").receiving.request(1_000))


def test_money_that_came_through_a_cheat_is_not_offered(net: WalletNetwork) -> None:
    for name in ("asel", "berik", "dina"):
        net.wallet(name)
    net.fund_exactly("asel", 50_000)
    net.pay("asel", "berik", 50_000)
    net.revoke(net.revocation_id_of("asel"), Reason.CONFLICT)
    net.learn_policy("berik")
    with refused(Code.RECONCILE_FIRST):
        net.wallets["berik"].paying.consider(net.wallets["dina"].receiving.request(50_000))


def test_proof_against_another_banks_wallet_of_the_same_id_spoils_nothing(net: WalletNetwork) -> None:
    for name in ("asel", "berik", "dina"):
        net.wallet(name)
    net.fund_exactly("asel", 50_000)
    net.pay("asel", "berik", 50_000)
    world, berik = net.world, net.wallets["berik"]
    namesake = world.person("namesake", "zhibek", wallet=net.id_of("asel"))
    tokens = issued_tokens(world.issue(namesake, 500))
    one, other = (world.transfer(namesake, tokens, Key.of(to).public, 500, bytes(16)) for to in ("x", "y"))
    evidence = Evidence.of(one, other, namesake.certificate)
    assert evidence is not None
    with berik._purse.store.transaction():
        Evidences(berik._purse).keep(evidence)
    assert berik.evidence() == (evidence,)
    berik.paying.consider(net.wallets["dina"].receiving.request(50_000))


def test_a_wallet_without_certificate_cannot_pay(net: WalletNetwork) -> None:
    berik = net.wallet("berik")
    asel = net.open("asel")
    asel.reconciling.take_root(net.world.root.public, net.world.signed_directory().encode())
    asel.reconciling.take_policy(None, net.update())
    with refused(Code.NOT_CERTIFIED):
        asel.paying.consider(berik.receiving.request(1_000))
    with refused(Code.NOT_CERTIFIED):
        asel.receiving.request(1_000)


def test_an_expired_certificate_neither_pays_nor_asks(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 50_000), net.wallet("berik", expires=net.world.now + 200 * DAY)
    net.world.now += 61 * DAY
    with refused(Code.CERTIFICATE_EXPIRED):
        asel.paying.consider(berik.receiving.request(1_000))
    with refused(Code.CERTIFICATE_EXPIRED):
        asel.receiving.request(1_000)


def test_a_transfer_is_never_dated_before_its_tokens(net: WalletNetwork) -> None:
    asel, berik, dina = net.wallet("asel"), net.wallet("berik"), net.wallet("dina")
    net.fund_exactly("asel", 50_000)
    net.ahead["asel"] = 3_000
    net.pay("asel", "berik", 50_000)
    payment = berik.paying.reserve(dina.receiving.request(50_000))
    raw = berik.paying.sign(payment)
    times = [transfer.body.time for transfer in verify(raw, net.world.directory()).payment.transfers]
    assert times == [net.world.now + 3_000] * 2
    assert berik.now() == net.world.now
    assert asel.now() == net.world.now + 3_000


def test_a_payment_never_exceeds_what_can_be_passed_on(net: WalletNetwork) -> None:
    """Change upon change lengthens the provenance, until the purse says that it must reconcile."""
    net.limits = replace(LIMITS, payment=10_000_000, total=50_000_000)
    asel, berik = net.wallet("asel", 1_000_000), net.wallet("berik")
    for _ in range(64 - 14):
        assert net.pay("asel", "berik", 1_000).code is None
    with refused(Code.FUNDS_SCATTERED):
        net.pay("asel", "berik", 1_000)
    assert berik.balance().spendable + asel.balance().held == 1_000_000
