"""Epochs: a key is offered until it is certified, by the bank that was asked, and destroyed when all is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.purses import pay_unseen, refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.protocol import cose
from wallet.protocol.certificate import Limits
from wallet.protocol.codes import Code
from wallet.purse.store.journal import PurseState


def test_an_epoch_is_offered_until_it_is_certified(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    first = asel.reconciling.begin_epoch()
    assert net.open("asel").reconciling.begin_epoch() == first
    net.certify("asel")
    assert net.wallets["asel"].reconciling.begin_epoch().key != first.key


def test_a_merchants_key_is_kept_so_that_its_printed_codes_stay_good(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    shop = net.merchant("shop", 10_000)
    request = shop.receiving.request(20_000, printed=True)
    net.world.now += DAY
    merchant: dict[str, Any] = {"kind": request.body.payee.body.kind, "category": 5411, "name": "Shop"}
    renewed = net.certify("shop", **merchant)
    assert renewed.body.key == request.body.key
    _, raw = pay_unseen(net, "asel", request)
    assert shop.receiving.receive(raw).code is None
    net.wallet("dina")
    assert net.pay("shop", "dina", 30_000).code is None
    assert shop.reconciling.begin_epoch(fresh_key=True).key != request.body.key


def test_a_strangers_certificate_is_not_installed(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    net.wallet("berik")
    stranger = net.wallets["berik"]._purse.epochs.current()
    assert stranger is not None
    with refused(Code.NOT_CERTIFIED):
        asel.reconciling.install_certificate(stranger)


def test_a_purse_that_was_lost_and_shown_another_banks_certificate_asks_its_own_bank_for_one(
    net: WalletNetwork,
) -> None:
    """Nothing says which of those that come with what is delivered is of its own bank, until it has asked that one."""
    net.wallet("asel", 5_000)
    own = net.wallets["asel"].reconciling.certificate
    assert own is not None
    least = Limits(1, 1, 1, 0, 0)
    body = replace(own.body, bank="zhibek", wallet=bytes(16), issued=own.body.issued + 60, limits=least)
    others = cose.sign(body, net.world.bank_key("zhibek").sign)
    bundle, rows = net.ledger.deliver({own.body.key})
    asel = net.lose("asel")
    asel.reconciling.deliver(replace(bundle, certificates=(*bundle.certificates, others)), rows)
    assert asel.reconciling.certificate == others, "it is good, and the newest that is known"
    assert asel.reconciling.is_epoch_due
    fresh = net.certify("asel")
    assert asel.reconciling.certificate == fresh
    assert not asel.reconciling.is_epoch_due
    assert asel.receiving.request(10_000).body.payee == fresh


def test_another_root_is_not_believed(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    with refused(Code.DIRECTORY_SIGNATURE):
        asel.reconciling.take_root(net.world.issuing.public, net.world.signed_directory().encode())


def test_an_old_key_is_destroyed_when_all_is_over_and_not_before(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", 50_000), net.wallet("berik")
    old = asel._purse.epochs.current()
    assert old is not None
    net.certify("asel")
    net.world.now += 91 * DAY
    assert asel.reconciling.retiring.candidates() == ()
    net.certify("asel")
    asel.reconciling.exchanging.begin_refresh()
    net.upload("asel")
    assert old.body.key in asel.reconciling.retiring.candidates()
    over = asel.reconciling.retiring.candidates()
    assert asel.reconciling.retiring.retire(over, over) == ()
    assert asel.reconciling.retiring.retire((), ()) == (), "nothing is destroyed that was not asked about"
    destroyed = asel.reconciling.retiring.retire(over, ())
    assert old.body.key in destroyed
    assert len(net.keystores["asel"].aliases()) == 3 - len(destroyed)
    assert net.open("asel").state is PurseState.SOUND
    assert net.wallets["asel"].balance().spendable == 50_000
