"""Epochs: a key is offered until it is certified, by the bank that was asked, and destroyed when all is over."""

from __future__ import annotations

from typing import Any

from tests.support.purses import pay_unseen, refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.purse.store.journal import PurseState


def test_an_epoch_is_offered_until_it_is_certified(town: WalletNetwork) -> None:
    asel = town.wallet("asel")
    first = asel.reconciling.begin_epoch()
    assert town.open("asel").reconciling.begin_epoch() == first
    town.certify("asel")
    assert town.wallets["asel"].reconciling.begin_epoch().key != first.key


def test_a_merchants_key_is_kept_so_that_its_printed_codes_stay_good(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    shop = town.merchant("shop", 10_000)
    request = shop.receiving.request(20_000, printed=True)
    town.world.now += DAY
    merchant: dict[str, Any] = {"kind": request.body.payee.body.kind, "category": 5411, "name": "Shop"}
    renewed = town.certify("shop", **merchant)
    assert renewed.body.key == request.body.key
    _, raw = pay_unseen(town, "asel", request)
    assert shop.receiving.receive(raw).code is None
    town.wallet("dina")
    assert town.pay("shop", "dina", 30_000).code is None
    assert shop.reconciling.begin_epoch(fresh_key=True).key != request.body.key


def test_a_strangers_certificate_is_not_installed(town: WalletNetwork) -> None:
    asel = town.wallet("asel")
    town.wallet("berik")
    stranger = town.wallets["berik"]._purse.epochs.current()
    assert stranger is not None
    with refused(Code.NOT_CERTIFIED):
        asel.reconciling.install_certificate(stranger)


def test_another_root_is_not_believed(town: WalletNetwork) -> None:
    asel = town.wallet("asel")
    with refused(Code.DIRECTORY_SIGNATURE):
        asel.reconciling.take_root(town.world.issuing.public, town.world.signed_directory().encode())


def test_an_old_key_is_destroyed_when_all_is_over_and_not_before(town: WalletNetwork) -> None:
    asel, _ = town.wallet("asel", 50_000), town.wallet("berik")
    old = asel._purse.epochs.current()
    assert old is not None
    town.certify("asel")
    town.world.now += 91 * DAY
    assert asel.reconciling.retiring.candidates() == ()
    town.certify("asel")
    asel.reconciling.exchanging.begin_refresh()
    town.upload("asel")
    assert old.body.key in asel.reconciling.retiring.candidates()
    over = asel.reconciling.retiring.candidates()
    assert asel.reconciling.retiring.retire(over, over) == ()
    assert asel.reconciling.retiring.retire((), ()) == (), "nothing is destroyed that was not asked about"
    destroyed = asel.reconciling.retiring.retire(over, ())
    assert old.body.key in destroyed
    assert len(town.keystores["asel"].aliases()) == 3 - len(destroyed)
    assert town.open("asel").state is PurseState.SOUND
    assert town.wallets["asel"].balance().spendable == 50_000
