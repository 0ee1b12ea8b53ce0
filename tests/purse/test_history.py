"""History, in every state that money can be in: it sums to the balance, and says what became of each payment."""

from __future__ import annotations

import pytest

from tests.support.purses import refused
from tests.support.shown import check_shown, check_sums
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.purse.store.journal import PurseState
from wallet.purse.view.history import Event, EventKind
from wallet.wallet import Wallet


def clone(net: WalletNetwork, name: str, other: str) -> Wallet:
    """A second device out of a copy of everything."""
    back_up(net, name, other)
    net.keystores[other] = net.keystores[name].clone()
    return net.open(other)


def put_back(net: WalletNetwork, name: str, copy: str) -> Wallet:
    """An older purse under the keystore of today."""
    return net.put_back(name, net.homes[copy].clone())


def back_up(net: WalletNetwork, name: str, copy: str) -> None:
    net.wallets.pop(name).close()
    net.homes[copy] = net.homes[name].clone()
    net.open(name)


def line(wallet: Wallet, kind: EventKind) -> Event:
    check_sums(wallet)
    check_shown(wallet)
    (found,) = [event for event in wallet.history() if event.kind is kind]
    return found


def pay_unseen(net: WalletNetwork, payer: str, payee: str, amount: int) -> bytes:
    paying = net.wallets[payer].paying
    payment = paying.reserve(net.wallets[payee].receiving.request(amount))
    raw = paying.sign(payment)
    paying.shown(payment)
    return raw


def test_a_payment_lost_in_a_conflict_names_the_amount_and_to_whom_the_claim_is(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    clone(net, "asel", "copy")
    net.wallet("berik", bank="zhibek"), net.wallet("chen")
    assert net.pay("asel", "berik", 100_000).code is None
    assert net.pay("copy", "chen", 100_000).code is None
    net.reconcile("berik")
    assert line(net.wallets["berik"], EventKind.RECEIVED).state == "settled"
    culprit = net.id_of("asel")
    for _ in range(2):
        net.reconcile("chen")
        lost = line(net.wallets["chen"], EventKind.RECEIVED)
        assert (lost.amount, lost.lost, lost.change, lost.state) == (100_000, 100_000, 0, "lost")
        assert (lost.claim, lost.wallet) == (culprit, culprit)
    assert net.wallets["chen"].balance().held == 0
    assert asel is not net.wallets["asel"]


def test_what_was_paid_on_before_its_loss_was_known_is_no_loss_of_whoever_paid_it_on(
    net: WalletNetwork,
) -> None:
    net.wallet("asel", 100_000)
    clone(net, "asel", "copy")
    for name in ("berik", "chen", "dina"):
        net.wallet(name, bank="zhibek")
    net.pay("asel", "berik", 100_000)
    net.pay("copy", "chen", 100_000), net.pay("chen", "dina", 70_000)
    for name in ("berik", "chen", "dina"):
        net.reconcile(name)
    received = line(net.wallets["chen"], EventKind.RECEIVED)
    paid = line(net.wallets["chen"], EventKind.PAID)
    assert (received.change, received.lost) == (100_000, 0)
    assert (paid.change, paid.lost) == (-100_000, 30_000), "the change is worth nothing"
    shown = line(net.wallets["dina"], EventKind.RECEIVED)
    assert (shown.change, shown.lost, shown.state) == (0, 70_000, "lost")


def test_what_a_copy_of_the_device_paid_has_a_line_here_too(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik", bank="zhibek")
    copy = clone(net, "asel", "copy")
    net.pay("asel", "berik", 60_000), pay_unseen(net, "copy", "berik", 10_000)
    net.reconcile("berik")
    net.reconcile("copy")
    check_sums(copy)
    check_shown(copy)
    assert copy.balance().held == 40_000, "the change of the payment that stands"
    paid = {(event.amount, event.change, event.state) for event in copy.history() if event.kind == "paid"}
    assert paid == {(60_000, -60_000, "ledger"), (10_000, 0, "lost")}


def test_an_older_purse_says_that_nothing_of_it_can_be_paid_and_then_what_it_had_forgotten(
    net: WalletNetwork,
) -> None:
    net.wallet("asel", 500_000), net.wallet("berik", bank="zhibek")
    back_up(net, "asel", "backup")
    net.pay("asel", "berik", 100_000)
    asel = put_back(net, "asel", "backup")
    assert asel.state is PurseState.ROLLED_BACK
    balance = asel.balance()
    assert (balance.spendable, balance.held) == (0, 500_000)
    check_sums(asel)
    check_shown(asel)
    net.reconcile("asel")
    assert asel.balance().spendable == 0, "the payee has not come yet"
    net.reconcile("berik")
    net.reconcile("asel")
    asel.reconciling.reconciled()
    assert asel.state is PurseState.SOUND
    paid = line(asel, EventKind.PAID)
    assert (paid.amount, paid.change, paid.state) == (100_000, -100_000, "ledger")
    assert asel.balance().held == asel.balance().spendable == 400_000


def test_a_lost_purse_that_the_ledger_filled_again_adds_up(net: WalletNetwork) -> None:
    net.wallet("asel", 500_000), net.wallet("berik", 50_000, bank="zhibek")
    net.pay("asel", "berik", 100_000), net.pay("berik", "asel", 20_000)
    for name in ("asel", "berik"):
        net.reconcile(name)
    asel = net.lose("asel")
    net.reconcile("asel")
    check_sums(asel)
    check_shown(asel)
    assert asel.balance().held == 420_000


def test_a_payment_that_the_ledger_settled_is_no_longer_on_the_way(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    berik = net.wallet("berik", bank="zhibek")
    berik.receiving.receive(pay_unseen(net, "asel", "berik", 30_000))
    assert (asel.balance().signed, line(asel, EventKind.PAID).state) == (30_000, "shown")
    net.reconcile("asel"), net.reconcile("berik")
    assert (asel.balance().signed, line(asel, EventKind.PAID).state) == (0, "settled")
    assert not asel.unfinished()


@pytest.mark.parametrize("unsettled", [False, True])
def test_money_that_expired_has_a_line_of_what_goes_back_to_the_account(
    net: WalletNetwork, unsettled: bool
) -> None:
    asel = net.wallet("asel", 27_000, 13_000)
    if unsettled:
        net.wallet("berik", 5_000)
        net.pay("berik", "asel", 5_000)
    net.world.now += 130 * DAY
    assert asel.reconciling.expired() == 0
    net.learn_policy("asel")
    net.certify("asel")
    gone = 40_000 + 5_000 * unsettled
    assert asel.reconciling.expired() == gone
    expired = line(asel, EventKind.EXPIRED)
    assert (expired.amount, expired.change, expired.state) == (gone, -gone, "refunded")
    assert asel.balance().held == 0


def test_money_that_expired_under_an_intent_goes_back_to_the_account_too(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 27_000, 13_000)
    request = net.wallet("berik", bank="zhibek").receiving.request(20_000)
    payment = asel.paying.reserve(request)
    assert asel.balance().reserved == 27_000
    net.world.now += 130 * DAY
    net.learn_policy("asel")
    net.certify("asel")
    assert (asel.reconciling.expired(), asel.balance().held, asel.balance().reserved) == (40_000, 0, 0)
    assert [item.id for item in asel.paying.pending()] == [payment]
    with refused(Code.REQUEST_EXPIRED):
        asel.paying.sign(payment)
    assert (asel.paying.pending(), asel.balance().held, asel.reconciling.expired()) == ((), 0, 40_000)


def test_a_refused_payment_takes_nothing_once_it_is_returned(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik", bank="zhibek")
    asel, berik = net.wallets["asel"], net.wallets["berik"]
    request = berik.receiving.request(30_000, valid_for=60)
    payment = asel.paying.reserve(request)
    raw = asel.paying.sign(payment)
    net.world.now += 100 * DAY
    refused = berik.receiving.receive(raw)
    assert refused.code is not None
    asel.paying.acknowledge(payment, refused.receipt)
    assert line(asel, EventKind.PAID).change == -30_000
    net.reconcile("berik"), net.reconcile("asel")
    returned = line(asel, EventKind.PAID)
    assert (returned.change, returned.state) == (0, "refused")
    given_back = line(berik, EventKind.REFUSED)
    assert (given_back.change, given_back.amount) == (0, 30_000)
