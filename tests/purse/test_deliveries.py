"""Deliveries: what the ledger knows to be ours comes in, whatever was lost on the way."""

from __future__ import annotations

from dataclasses import replace

from tests.support.purses import pay_unseen, refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY, LIMITS
from wallet.protocol.codes import Code
from wallet.purse.view.history import EventKind


def test_what_the_payee_never_saw_is_delivered_and_shown_later_is_a_repeat(town: WalletNetwork) -> None:
    asel, berik = town.wallet("asel", 100_000), town.wallet("berik", bank="zhibek")
    request = berik.receiving.request(60_000)
    payment, raw = pay_unseen(town, "asel", request)
    town.reconcile("asel")
    town.world.now += 10 * DAY
    town.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().unsettled) == (60_000, 0)
    shown = berik.receiving.receive(raw)
    assert (shown.code, shown.amount) == (None, 60_000)
    assert shown.repeat_of == town.world.now
    assert asel.paying.acknowledge(payment, shown.receipt).value == "acknowledged"
    assert berik.balance().spendable == 60_000
    assert [(event.kind, event.state) for event in berik.history()] == [(EventKind.RECEIVED, "settled")]
    with refused(Code.LIMIT_BALANCE):
        berik.receiving.request(LIMITS.balance - 60_000 + 1)


def test_what_the_ledger_delivers_is_never_refused_for_a_limit(town: WalletNetwork) -> None:
    town.limits = replace(LIMITS, balance=100_000)
    town.wallet("asel", 60_000, 40_000)
    shop = town.merchant("shop", 70_000)
    request = shop.receiving.request(60_000, printed=True)
    pay_unseen(town, "asel", request)
    town.reconcile("asel")
    town.reconcile("shop")
    assert shop.balance().held == 130_000
    assert shop.reconciling.excess() == 30_000
    shop.reconciling.exchanging.begin_defund(shop.reconciling.excess())
    town.upload("shop")
    assert (shop.balance().held, shop.reconciling.excess()) == (100_000, 0)
    assert town.ledger.accounts == {town.id_of("shop"): 30_000}


def test_what_was_refused_stays_refused_though_the_ledger_lists_it(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    town.wallet("dina", 100_000)
    berik = town.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(town, "dina", request)[1])
    payment, raw = pay_unseen(town, "asel", request)
    refusal = berik.receiving.receive(raw)
    town.reconcile("asel")
    assert (berik.balance().held, berik.balance().refused) == (30_000, 30_000)
    town.reconcile("berik")
    assert (berik.balance().held, berik.balance().refused) == (30_000, 0), "it has gone back"
    town.reconcile("asel")
    assert asel.balance().held == 100_000
    asel.paying.acknowledge(payment, refusal.receipt)
    town.reconcile("asel")
    assert (asel.balance().held, asel.balance().redeeming) == (100_000, 0)


def test_the_payer_may_bring_the_refusal_itself(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    town.wallet("dina", 100_000)
    berik = town.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(town, "dina", request)[1])
    payment, raw = pay_unseen(town, "asel", request)
    asel.paying.acknowledge(payment, berik.receiving.receive(raw).receipt)
    assert (asel.balance().spendable, asel.balance().redeeming) == (70_000, 30_000)
    (returning,) = asel.reconciling.exchanging.open()
    town.upload("asel")
    assert asel.reconciling.exchanging.open() == ()
    assert (asel.balance().spendable, asel.balance().redeeming) == (100_000, 0)
    assert town.ledger.rows[returning].outcome is not None


def test_delivered_money_is_spent_only_after_everything_was_uploaded(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik", 10_000)
    pay_unseen(town, "asel", berik.receiving.request(60_000))
    town.reconcile("asel")
    town.pay("berik", "asel", 10_000)
    delivered = berik.reconciling.deliver(*town.ledger.deliver(berik._purse.epochs.own()))
    assert [token.amount for token in delivered.tokens] == [60_000]
    assert (berik.balance().spendable, berik.balance().waiting) == (0, 60_000)
    with refused(Code.RECONCILE_FIRST):
        berik.reconciling.exchanging.begin_refresh()
    town.upload("berik")
    assert berik.balance().spendable == 60_000


def test_deliveries_come_in_any_pieces(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000), town.wallet("berik")
    dina = town.wallet("dina")
    town.pay("asel", "berik", 60_000)
    pay_unseen(town, "berik", dina.receiving.request(50_000))
    town.reconcile("berik")
    bundle, rows = town.ledger.deliver(dina._purse.epochs.own())
    first, second = bundle.transfers
    early = dina.reconciling.deliver(replace(bundle, transfers=(second,)), (), 1)
    assert (early.tokens, early.incomplete, dina.reconciling.cursor) == ((), (second.id,), 1)
    whole = dina.reconciling.deliver(replace(bundle, transfers=(second, first)), rows, 2)
    assert sum(token.amount for token in whole.tokens) == 50_000
    again = dina.reconciling.deliver(bundle, rows, 2)
    assert again.tokens == ()
    assert dina.balance().held == 50_000
