"""How far the money goes, what is under way, and through whose hands it went."""

from __future__ import annotations

from pathlib import Path

from tests.purse.test_frozen_stores import STORES, opened
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.purse.view.history import EventKind


def test_hops_left_are_those_of_the_most_worn_token(net: WalletNetwork) -> None:
    alia = net.wallet("alia", 50_000)
    net.wallet("berik", 30_000), net.wallet("dina")
    assert alia.outlook().hops_left == 15
    net.pay("berik", "dina", 10_000)
    net.pay("dina", "alia", 10_000)
    assert alia.outlook().hops_left == 13
    net.pay("alia", "berik", 60_000)
    assert (alia.outlook().hops_left, alia.outlook().expires) == (None, None)


def test_money_can_be_spent_until_token_certificate_or_days_end(net: WalletNetwork) -> None:
    begun = net.world.now
    alia = net.wallet("alia", 50_000)
    assert alia.outlook().expires == begun + net.limits.days * DAY
    net.certify("alia", expires=begun + 3 * DAY)
    net.world.now += 1
    net.fund_exactly("alia", 10_000)
    assert alia.outlook().expires == begun + 3 * DAY
    net.world.now = begun + 3 * DAY
    assert alia.balance().spendable == 60_000
    net.world.now += 1
    assert alia.balance().spendable == 50_000


def test_offline_since_the_last_whole_reconciling(net: WalletNetwork) -> None:
    assert net.open("alia").outlook().offline_since is None
    alia = net.wallet("alia")
    first = net.world.now
    net.world.now += DAY
    assert alia.outlook().offline_since == first
    net.upload("alia")
    assert alia.outlook().offline_since == first
    alia.reconciling.reconciled()
    assert net.open("alia").outlook().offline_since == first + DAY


def test_a_store_that_never_noted_it_says_when_it_was_certified(tmp_path: Path) -> None:
    for store in STORES:
        folder = tmp_path / store.name
        folder.mkdir()
        wallet, _ = opened(store, folder)
        certificate = wallet.reconciling.certificate
        assert certificate is not None
        assert wallet.outlook().offline_since == certificate.body.issued
        wallet.close()


def test_room_shrinks_with_every_payment_until_the_next_epoch(net: WalletNetwork) -> None:
    alia = net.wallet("alia", 50_000, 30_000)
    net.wallet("berik")
    before = alia.room()
    assert before is not None
    assert (before.spendable, before.payment) == (80_000, net.limits.payment)
    net.pay("alia", "berik", 30_000)
    after = alia.room()
    assert after is not None
    assert (after.spendable, after.total) == (50_000, before.total - 30_000)
    net.reconcile("alia", anew=True)
    fresh = alia.room()
    assert fresh is not None
    assert fresh.total == before.total
    assert net.open("new").room() is None


def test_unfinished_is_what_neither_payee_nor_ledger_has_answered(net: WalletNetwork) -> None:
    alia, shop = net.wallet("alia", 50_000, 30_000), net.merchant("shop", bank="zhibek")
    net.pay("alia", "shop", 10_000)
    assert alia.unfinished() == ()
    signed = alia.paying.reserve(shop.receiving.request(5_000))
    alia.paying.sign(signed)
    intent = alia.paying.reserve(shop.receiving.request(6_000))
    assert {item.id for item in alia.unfinished()} == {signed, intent}
    net.reconcile("alia")
    assert [item.id for item in alia.unfinished()] == [intent]


def test_requests_without_an_answer_are_listed_newest_first(net: WalletNetwork) -> None:
    net.wallet("alia", 50_000)
    shop = net.merchant("shop", bank="zhibek")
    first = shop.receiving.request(5_000)
    net.world.now += 1
    second = shop.receiving.request(6_000)
    shop.receiving.request(7_000, printed=True)
    assert [item.id for item in shop.receiving.unanswered()] == [second.id, first.id]
    net.pay("alia", "shop", 1_000)
    assert len(shop.receiving.unanswered()) == 2
    shop.receiving.receive(net.wallets["alia"].paying.sign(net.wallets["alia"].paying.reserve(first)))
    assert [item.id for item in shop.receiving.unanswered()] == [second.id]
    net.world.now += 3_601
    assert shop.receiving.unanswered() == ()


def test_every_line_of_history_has_its_chain(net: WalletNetwork) -> None:
    alia, berik = net.wallet("alia", 50_000), net.wallet("berik", bank="zhibek")
    net.merchant("shop")
    net.pay("alia", "berik", 20_000)
    net.pay("berik", "shop", 5_000)
    told = {event.kind: event for event in alia.history()}
    funded, paid = told[EventKind.FUNDED], told[EventKind.PAID]
    assert [link.hop for link in alia.chain_of(funded)] == [0]
    assert [(link.hop, link.amount) for link in alia.chain_of(paid)] == [(0, 50_000), (1, 20_000)]
    told = {event.kind: event for event in berik.history()}
    received, spent = told[EventKind.RECEIVED], told[EventKind.PAID]
    chain = berik.chain_of(spent)
    assert [(link.hop, link.amount) for link in chain] == [(0, 50_000), (1, 20_000), (2, 5_000)]
    assert [link.signer for link in chain] == [None, net.id_of("alia"), net.id_of("berik")]
    assert chain[-1].signer in berik.own_wallets()
    assert chain[1].signer not in berik.own_wallets()
    assert berik.chain_of(received) == chain[:2]
    net.reconcile("alia", anew=True, refresh=True)
    for event in alia.history():
        assert alia.chain_of(event)[0].signer is None
    alia.reconciling.fundings.begin(1_000)
    (open_,) = [event for event in alia.history() if event.state == "open" and event.kind is EventKind.FUNDED]
    assert alia.chain_of(open_) == ()
