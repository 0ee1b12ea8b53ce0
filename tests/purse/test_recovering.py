"""Recovering: what the ledger tells a purse that was put back or lost, or whose keystore was; what it then may do."""

from __future__ import annotations

import pytest

from hsm.memory import MemoryKeystore
from tests.support.purses import refused
from tests.support.shelf import Shelf
from tests.support.wallets import Chance, WalletNetwork
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.purse.pay.preflight import Preflight
from wallet.purse.receive.receiving import Receiving
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState
from wallet.wallet import Wallet


def test_the_ledger_makes_it_sound_again(net: WalletNetwork, shelf: Shelf) -> None:
    net.wallet("asel", 100_000, 50_000), net.wallet("berik")
    shelf.keep("asel")
    net.pay("asel", "berik", 60_000)
    net.pay("asel", "berik", 5_000)
    asel = shelf.put_back("asel")
    net.reconcile("asel")
    assert asel.state is PurseState.ROLLED_BACK
    net.reconcile("berik")
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    assert asel.balance().held == 85_000
    net.pay("asel", "berik", 85_000)
    rows = asel._purse.store.rows("SELECT sequence FROM outgoing ORDER BY sequence")
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert net.ledger.upload(asel.reconciling.uploads.next())[0].evidence is None


def test_an_intent_of_an_older_copy_that_was_never_signed_is_dropped(
    net: WalletNetwork, shelf: Shelf
) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    payment = asel.paying.reserve(berik.receiving.request(60_000))
    shelf.keep("asel")
    net.wallets["asel"].paying.drop(payment)
    net.pay("asel", "berik", 20_000)
    asel = shelf.put_back("asel")
    net.reconcile("berik")
    net.reconcile("asel")
    assert asel.paying.summary(payment).state is PaymentState.DROPPED
    assert asel.balance().held == asel.balance().spendable == 80_000


def test_a_lost_purse_finds_its_keys_and_its_money(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik")
    net.pay("asel", "berik", 60_000)
    net.reconcile("asel")
    asel = net.lose("asel")
    assert asel.state is PurseState.ROLLED_BACK
    assert asel.balance().held == 0
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    assert asel.balance().held == asel.balance().spendable == 40_000
    assert net.pay("asel", "berik", 40_000).code is None


def test_nothing_is_refused_while_rolled_back_and_then_with_an_unused_number(
    net: WalletNetwork, shelf: Shelf
) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik", 100_000)
    request = asel.receiving.request(10_000)
    shelf.keep("asel")
    net.pay("asel", "berik", 60_000)
    asel = shelf.put_back("asel")
    dina = net.wallet("dina", 100_000)
    asel.receiving.receive(berik.paying.sign(berik.paying.reserve(request)))
    second = dina.paying.sign(dina.paying.reserve(request))
    with refused(Code.ROLLBACK):
        asel.receiving.receive(second)
    assert asel.balance().refused == 0
    net.reconcile("berik")
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    refusal = asel.receiving.receive(second)
    assert refusal.code is Code.REQUEST_ANSWERED
    assert [item.body.sequence for item in refusal.receipt.refusals] == [2]


def test_money_that_was_spent_before_a_rollback_is_not_given_back(net: WalletNetwork, shelf: Shelf) -> None:
    """An honest key would contradict itself: its payment, and the redemption of a refusal (found by the properties)."""
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    request = berik.receiving.request(30_000)
    raw = asel.paying.sign(asel.paying.reserve(request))
    shelf.keep("berik")
    net.wallets["berik"].receiving.receive(raw)
    net.wallet("dina")
    net.pay("berik", "dina", 30_000)
    berik = shelf.put_back("berik")
    net.ahead["berik"] = 61 * DAY
    with refused(Code.ROLLBACK):
        berik.receiving.receive(raw)
    net.ahead["berik"] = 0
    net.reconcile("dina")
    net.reconcile("berik")
    assert (berik.state, berik.balance().held) == (PurseState.SOUND, 0)
    assert berik.receiving.receive(raw).code is None
    assert (berik.balance().held, berik.evidence()) == (0, ())


def test_a_copy_from_before_an_epoch_finds_the_newer_key(net: WalletNetwork, shelf: Shelf) -> None:
    net.wallet("asel", 100_000)
    shelf.keep("asel")
    net.reconcile("asel", anew=True, refresh=True)
    asel = shelf.put_back("asel")
    assert (asel.state, asel.reconciling.cursor) == (PurseState.ROLLED_BACK, 0)
    net.reconcile("asel")
    net.certify("asel")
    assert asel.state is PurseState.SOUND
    assert asel.balance().spendable == 100_000
    assert len(asel._purse.epochs.own()) == 2


def test_a_found_key_that_is_too_old_to_certify_is_left_aside(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    found = net.lose("asel").reconciling.begin_epoch()
    fresh = net.wallets["asel"].reconciling.begin_epoch(fresh_key=True)
    assert fresh.key != found.key
    assert net.open("asel").reconciling.begin_epoch() == fresh
    net.certify("asel")
    net.reconcile("asel")
    assert net.wallets["asel"].balance().held == 100_000


def test_what_a_lost_purse_had_refused_stays_refused(net: WalletNetwork) -> None:
    net.wallet("dina", 100_000), net.wallet("berik", 100_000), net.wallet("asel")
    request = net.wallets["asel"].receiving.request(10_000)
    payments = {}
    for name in ("berik", "dina"):
        paying = net.wallets[name].paying
        payments[name] = paying.sign(paying.reserve(request))
        refused_one = net.wallets["asel"].receiving.receive(payments[name])
    assert refused_one.code is Code.REQUEST_ANSWERED
    net.reconcile("asel")
    asel = net.lose("asel")
    net.reconcile("asel")
    assert (asel.balance().held, asel.balance().refused) == (10_000, 0), "it went back"
    shown = asel.receiving.receive(payments["dina"])
    assert shown.code is Code.DECLINED
    assert shown.receipt.refusals == refused_one.receipt.refusals
    assert asel.receiving.receive(payments["berik"]).code is None
    assert asel.state is PurseState.SOUND


# an older copy of the keystore


def put_keys_back(net: WalletNetwork, name: str, keystore: MemoryKeystore) -> Wallet:
    net.wallets.pop(name).close()
    net.keystores[name] = keystore
    return net.open(name)


def test_a_keystore_put_back_is_a_rollback_that_the_purse_itself_can_answer(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", 100_000), net.wallet("berik")
    older = net.keystores["asel"].clone()
    net.pay("asel", "berik", 60_000)
    net.keystores["asel"] = older
    asel = net.open("asel")
    assert asel.state is PurseState.ROLLED_BACK
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    assert asel.balance().spendable == 40_000


def test_an_older_record_under_a_newer_store_does_not_spend_until_the_ledger_knows_all(
    net: WalletNetwork,
) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    old = net.keystores["asel"].clone()
    net.pay("asel", "berik", 60_000)
    asel = put_keys_back(net, "asel", old)
    assert asel.state is PurseState.ROLLED_BACK
    assert asel.reconciling.missing_numbers() == (1,)
    with refused(Code.ROLLBACK):
        asel.paying.consider(berik.receiving.request(1_000))
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    assert asel.balance().spendable == 40_000
    net.pay("asel", "berik", 40_000)
    assert not asel.evidence()


def test_keys_that_an_older_keystore_lacks_are_missed_and_used_again_when_they_come_back(
    net: WalletNetwork,
) -> None:
    asel = net.wallet("asel", 10_000)
    net.wallet("berik", 5_000)
    first = net.keystores["asel"].clone()
    net.certify("asel")
    net.fund_exactly("asel", 30_000)
    assert asel.balance().spendable == 40_000
    newest = net.keystores["asel"].clone()

    asel = put_keys_back(net, "asel", first)
    net.reconcile("asel")
    assert (asel.balance().spendable, asel.balance().waiting) == (10_000, 30_000)
    assert net.pay("berik", "asel", 5_000).code is None, "it asks under a key that it has"
    net.fund_exactly("asel", 2_000)
    assert (asel.balance().spendable, asel.balance().waiting) == (17_000, 30_000)
    net.reconcile("asel", anew=True, refresh=True)
    assert (asel.balance().spendable, asel.balance().waiting) == (17_000, 30_000)

    asel = put_keys_back(net, "asel", newest)
    net.reconcile("asel")
    assert asel.state is PurseState.SOUND
    assert asel.balance().spendable >= 30_000, "what the keys that came back own"
    assert net.pay("asel", "berik", 30_000).code is None


def test_a_wallet_opens_though_it_lacks_the_key_for_something_it_had_begun(
    net: WalletNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between a refusal and its signature, and then an older keystore put in its place."""
    old = MemoryKeystore(Chance("keys of berik"), pin="1234")
    net.wallet("asel", 10_000, 20_000), net.wallet("berik", 5_000)
    request = net.wallets["berik"].receiving.request(10_000)
    payments = []
    for _ in range(2):
        payment = net.wallets["asel"].paying.reserve(request)
        payments.append(net.wallets["asel"].paying.sign(payment))
        monkeypatch.setattr(Preflight, "prior", lambda *_: None)
    assert net.wallets["berik"].receiving.receive(payments[0]).code is None
    monkeypatch.setattr(Receiving, "_answer", lambda *_: None)
    net.wallets["berik"].receiving.receive(payments[1])
    monkeypatch.undo()
    berik = put_keys_back(net, "berik", old)
    assert berik.state is PurseState.ROLLED_BACK
    assert berik.balance().waiting == 15_000
    with refused(Code.NOT_CERTIFIED):
        berik.receiving.request(1_000)
