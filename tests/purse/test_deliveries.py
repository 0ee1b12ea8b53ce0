"""Deliveries: what the ledger knows to be ours comes in, whatever was lost on the way."""

from __future__ import annotations

from dataclasses import replace

from tests.support.purses import pay_unseen, refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY, LIMITS
from wallet.protocol.codes import Code
from wallet.purse.view.history import EventKind


def test_what_the_payee_never_saw_is_delivered_and_shown_later_is_a_repeat(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik", bank="zhibek")
    request = berik.receiving.request(60_000)
    payment, raw = pay_unseen(net, "asel", request)
    net.reconcile("asel")
    net.world.now += 10 * DAY
    net.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().unsettled) == (60_000, 0)
    shown = berik.receiving.receive(raw)
    assert (shown.code, shown.amount) == (None, 60_000)
    assert shown.repeat_of == net.world.now
    assert asel.paying.acknowledge(payment, shown.receipt).value == "acknowledged"
    assert berik.balance().spendable == 60_000
    assert [(event.kind, event.state) for event in berik.history()] == [(EventKind.RECEIVED, "settled")]
    with refused(Code.LIMIT_BALANCE):
        berik.receiving.request(LIMITS.balance - 60_000 + 1)


def test_what_the_ledger_delivers_is_never_refused_for_a_limit(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, balance=100_000)
    net.wallet("asel", 60_000, 40_000)
    shop = net.merchant("shop", 70_000)
    request = shop.receiving.request(60_000, printed=True)
    pay_unseen(net, "asel", request)
    net.reconcile("asel")
    net.reconcile("shop")
    assert shop.balance().held == 130_000
    assert shop.reconciling.excess() == 30_000
    shop.reconciling.exchanging.begin_defund(shop.reconciling.excess())
    net.upload("shop")
    assert (shop.balance().held, shop.reconciling.excess()) == (100_000, 0)
    assert net.ledger.accounts == {net.id_of("shop"): 30_000}


def test_what_was_refused_stays_refused_though_the_ledger_lists_it(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(net, "dina", request)[1])
    payment, raw = pay_unseen(net, "asel", request)
    refusal = berik.receiving.receive(raw)
    net.reconcile("asel")
    assert (berik.balance().held, berik.balance().refused) == (30_000, 30_000)
    net.reconcile("berik")
    assert (berik.balance().held, berik.balance().refused) == (30_000, 0), "it has gone back"
    net.reconcile("asel")
    assert asel.balance().held == 100_000
    asel.paying.acknowledge(payment, refusal.receipt)
    net.reconcile("asel")
    assert (asel.balance().held, asel.balance().redeeming) == (100_000, 0)


def test_the_payer_may_bring_the_refusal_itself(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(net, "dina", request)[1])
    payment, raw = pay_unseen(net, "asel", request)
    asel.paying.acknowledge(payment, berik.receiving.receive(raw).receipt)
    assert (asel.balance().spendable, asel.balance().redeeming) == (70_000, 30_000)
    (returning,) = asel.reconciling.exchanging.open()
    net.upload("asel")
    assert asel.reconciling.exchanging.open() == ()
    assert (asel.balance().spendable, asel.balance().redeeming) == (100_000, 0)
    assert net.ledger.rows[returning].outcome is not None


def test_delivered_money_is_spent_only_after_everything_was_uploaded(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik", 10_000)
    pay_unseen(net, "asel", berik.receiving.request(60_000))
    net.reconcile("asel")
    net.pay("berik", "asel", 10_000)
    delivered = berik.reconciling.deliver(*net.ledger.deliver(berik._purse.epochs.own()))
    assert [token.amount for token in delivered.tokens] == [60_000]
    assert (berik.balance().spendable, berik.balance().waiting) == (0, 60_000)
    with refused(Code.RECONCILE_FIRST):
        berik.reconciling.exchanging.begin_refresh()
    net.upload("berik")
    assert berik.balance().spendable == 60_000


def test_deliveries_come_in_any_pieces(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik")
    dina = net.wallet("dina")
    net.pay("asel", "berik", 60_000)
    pay_unseen(net, "berik", dina.receiving.request(50_000))
    net.reconcile("berik")
    bundle, rows = net.ledger.deliver(dina._purse.epochs.own())
    first, second = bundle.transfers
    early = dina.reconciling.deliver(replace(bundle, transfers=(second,)), (), 1)
    assert (early.tokens, early.incomplete, dina.reconciling.cursor) == ((), (second.id,), 1)
    whole = dina.reconciling.deliver(replace(bundle, transfers=(second, first)), rows, 2)
    assert sum(token.amount for token in whole.tokens) == 50_000
    again = dina.reconciling.deliver(bundle, rows, 2)
    assert again.tokens == ()
    assert dina.balance().held == 50_000
