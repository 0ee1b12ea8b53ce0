"""History, in every state that money can be in: it sums to the balance, and says what became of each payment."""

from __future__ import annotations

import pytest

from tests.support.shown import check_shown, check_sums
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.purse.store.journal import PurseState
from wallet.purse.view.history import Event, EventKind
from wallet.wallet import Wallet


def clone(town: WalletNetwork, name: str, other: str) -> Wallet:
    """A second device out of a copy of everything."""
    back_up(town, name, other)
    town.keystores[other] = town.keystores[name].clone()
    return town.open(other)


def put_back(town: WalletNetwork, name: str, copy: str) -> Wallet:
    """An older purse under the keystore of today."""
    return town.put_back(name, town.homes[copy].clone())


def back_up(town: WalletNetwork, name: str, copy: str) -> None:
    town.wallets.pop(name).close()
    town.homes[copy] = town.homes[name].clone()
    town.open(name)


def line(wallet: Wallet, kind: EventKind) -> Event:
    check_sums(wallet)
    check_shown(wallet)
    (found,) = [event for event in wallet.history() if event.kind is kind]
    return found


def pay_unseen(town: WalletNetwork, payer: str, payee: str, amount: int) -> bytes:
    paying = town.wallets[payer].paying
    payment = paying.reserve(town.wallets[payee].receiving.request(amount))
    raw = paying.sign(payment)
    paying.shown(payment)
    return raw


def test_a_payment_lost_in_a_conflict_names_the_amount_and_to_whom_the_claim_is(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    clone(town, "asel", "copy")
    town.wallet("berik", bank="zhibek"), town.wallet("chen")
    assert town.pay("asel", "berik", 100_000).code is None
    assert town.pay("copy", "chen", 100_000).code is None
    town.reconcile("berik")
    assert line(town.wallets["berik"], EventKind.RECEIVED).state == "settled"
    culprit = town.id_of("asel")
    for _ in range(2):
        town.reconcile("chen")
        lost = line(town.wallets["chen"], EventKind.RECEIVED)
        assert (lost.amount, lost.lost, lost.change, lost.state) == (100_000, 100_000, 0, "lost")
        assert (lost.claim, lost.wallet) == (culprit, culprit)
    assert town.wallets["chen"].balance().held == 0
    assert asel is not town.wallets["asel"]


def test_what_was_paid_on_before_its_loss_was_known_is_no_loss_of_whoever_paid_it_on(
    town: WalletNetwork,
) -> None:
    town.wallet("asel", 100_000)
    clone(town, "asel", "copy")
    for name in ("berik", "chen", "dina"):
        town.wallet(name, bank="zhibek")
    town.pay("asel", "berik", 100_000)
    town.pay("copy", "chen", 100_000), town.pay("chen", "dina", 70_000)
    for name in ("berik", "chen", "dina"):
        town.reconcile(name)
    received = line(town.wallets["chen"], EventKind.RECEIVED)
    paid = line(town.wallets["chen"], EventKind.PAID)
    assert (received.change, received.lost) == (100_000, 0)
    assert (paid.change, paid.lost) == (-100_000, 30_000), "the change is worth nothing"
    shown = line(town.wallets["dina"], EventKind.RECEIVED)
    assert (shown.change, shown.lost, shown.state) == (0, 70_000, "lost")


def test_what_a_copy_of_the_device_paid_has_a_line_here_too(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000), town.wallet("berik", bank="zhibek")
    copy = clone(town, "asel", "copy")
    town.pay("asel", "berik", 60_000), pay_unseen(town, "copy", "berik", 10_000)
    town.reconcile("berik")
    town.reconcile("copy")
    check_sums(copy)
    check_shown(copy)
    assert copy.balance().held == 40_000, "the change of the payment that stands"
    paid = {(event.amount, event.change, event.state) for event in copy.history() if event.kind == "paid"}
    assert paid == {(60_000, -60_000, "ledger"), (10_000, 0, "lost")}


def test_an_older_purse_says_that_nothing_of_it_can_be_paid_and_then_what_it_had_forgotten(
    town: WalletNetwork,
) -> None:
    town.wallet("asel", 500_000), town.wallet("berik", bank="zhibek")
    back_up(town, "asel", "backup")
    town.pay("asel", "berik", 100_000)
    asel = put_back(town, "asel", "backup")
    assert asel.state is PurseState.ROLLED_BACK
    balance = asel.balance()
    assert (balance.spendable, balance.held) == (0, 500_000)
    check_sums(asel)
    check_shown(asel)
    town.reconcile("asel")
    assert asel.balance().spendable == 0, "the payee has not come yet"
    town.reconcile("berik")
    town.reconcile("asel")
    asel.reconciling.reconciled()
    assert asel.state is PurseState.SOUND
    paid = line(asel, EventKind.PAID)
    assert (paid.amount, paid.change, paid.state) == (100_000, -100_000, "ledger")
    assert asel.balance().held == asel.balance().spendable == 400_000


def test_a_lost_purse_that_the_ledger_filled_again_adds_up(town: WalletNetwork) -> None:
    town.wallet("asel", 500_000), town.wallet("berik", 50_000, bank="zhibek")
    town.pay("asel", "berik", 100_000), town.pay("berik", "asel", 20_000)
    for name in ("asel", "berik"):
        town.reconcile(name)
    asel = town.lose("asel")
    town.reconcile("asel")
    check_sums(asel)
    check_shown(asel)
    assert asel.balance().held == 420_000


def test_a_payment_that_the_ledger_settled_is_no_longer_on_the_way(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    berik = town.wallet("berik", bank="zhibek")
    berik.receiving.receive(pay_unseen(town, "asel", "berik", 30_000))
    assert (asel.balance().signed, line(asel, EventKind.PAID).state) == (30_000, "shown")
    town.reconcile("asel"), town.reconcile("berik")
    assert (asel.balance().signed, line(asel, EventKind.PAID).state) == (0, "settled")
    assert not asel.unfinished()


@pytest.mark.parametrize("unsettled", [False, True])
def test_money_that_expired_has_a_line_of_what_goes_back_to_the_account(
    town: WalletNetwork, unsettled: bool
) -> None:
    asel = town.wallet("asel", 27_000, 13_000)
    if unsettled:
        town.wallet("berik", 5_000)
        town.pay("berik", "asel", 5_000)
    town.world.now += 130 * DAY
    assert asel.reconciling.expired() == 0
    town.learn_policy("asel")
    town.certify("asel")
    gone = 40_000 + 5_000 * unsettled
    assert asel.reconciling.expired() == gone
    expired = line(asel, EventKind.EXPIRED)
    assert (expired.amount, expired.change, expired.state) == (gone, -gone, "refunded")
    assert asel.balance().held == 0


def test_a_refused_payment_takes_nothing_once_it_is_returned(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000), town.wallet("berik", bank="zhibek")
    asel, berik = town.wallets["asel"], town.wallets["berik"]
    request = berik.receiving.request(30_000, valid_for=60)
    payment = asel.paying.reserve(request)
    raw = asel.paying.sign(payment)
    town.world.now += 100 * DAY
    refused = berik.receiving.receive(raw)
    assert refused.code is not None
    asel.paying.acknowledge(payment, refused.receipt)
    assert line(asel, EventKind.PAID).change == -30_000
    town.reconcile("berik"), town.reconcile("asel")
    returned = line(asel, EventKind.PAID)
    assert (returned.change, returned.state) == (0, "refused")
    given_back = line(berik, EventKind.REFUSED)
    assert (given_back.change, given_back.amount) == (0, 30_000)
