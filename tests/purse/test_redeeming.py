"""Refresh and defunding: what is taken, when, and what has become of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from tests.support.purses import pay_unseen, refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY, Key
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.codes import Code
from wallet.protocol.policy import Reason
from wallet.protocol.validity import issued_tokens
from wallet.purse.store.tokens import TokenState


def test_a_refresh_brings_fresh_tokens_under_the_new_key(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    for _ in range(3):
        net.pay("asel", "berik", 30_000)
    net.reconcile("berik", anew=True)
    ids = berik.reconciling.exchanging.begin_refresh()
    assert (berik.balance().held, berik.balance().redeeming) == (0, 90_000)
    assert berik.reconciling.exchanging.open() == ids
    net.upload("berik")
    assert (berik.balance().spendable, berik.balance().redeeming) == (90_000, 0)
    current = berik._purse.epochs.current()
    assert current is not None
    assert {(item.token.owner, item.token.hop) for item in berik.tokens()} == {(current.body.key, 0)}
    assert berik.reconciling.exchanging.begin_refresh() == ()


def test_an_outcome_may_come_by_itself_and_only_once(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    net.pay("asel", "berik", 30_000)
    net.reconcile("berik", anew=True)
    (txid,) = berik.reconciling.exchanging.begin_refresh()
    rows = net.ledger.upload(berik.reconciling.uploads.next())
    berik.reconciling.answer([replace(row, outcome=None) for row in rows])
    (outcome,) = (row.outcome for row in rows if row.transfer == txid)
    assert outcome is not None
    assert berik.reconciling.exchanging.open() == (txid,)
    assert berik.reconciling.exchanging.complete(txid, outcome.issuance, outcome.value)
    assert not berik.reconciling.exchanging.complete(txid, outcome.issuance, outcome.value)
    assert berik.balance().spendable == 30_000


def test_nothing_is_redeemed_before_everything_is_uploaded(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", 100_000), net.wallet("berik")
    net.pay("asel", "berik", 30_000)
    with refused(Code.RECONCILE_FIRST):
        asel.reconciling.exchanging.begin_defund(10_000)


def test_a_token_under_an_intent_is_not_redeemed(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000, 50_000), net.wallet("berik")
    asel.paying.reserve(berik.receiving.request(90_000))
    net.certify("asel")
    with refused(Code.FUNDS_SHORT):
        asel.reconciling.exchanging.begin_defund(50_001)
    asel.reconciling.exchanging.begin_refresh()
    assert (asel.balance().redeeming, asel.balance().reserved) == (50_000, 100_000)


def test_defunding_gives_change_and_takes_the_most_worn(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000, 50_000)
    net.certify("asel")
    net.fund_exactly("asel", 70_000)
    asel.reconciling.exchanging.begin_defund(120_000)
    net.upload("asel")
    assert asel.balance().held == 100_000
    assert sum(net.ledger.accounts.values()) == 120_000
    asel.reconciling.exchanging.begin_defund()
    net.upload("asel")
    assert asel.balance().held == 0
    assert sum(net.ledger.accounts.values()) == 220_000


def test_a_token_too_heavy_for_change_is_refreshed_before_part_of_it_is_defunded(net: WalletNetwork) -> None:
    """What the ledger delivers may have a provenance to which no transfer that leaves money can be added."""
    berik, world = net.wallet("berik"), net.world
    payer, nobody = world.person("Dauren"), Key.of("nobody").public
    issuance = world.issue(payer, 100_000)
    (token,), made = issued_tokens(issuance), []
    for _ in range(MAX_BUNDLE_ITEMS - 2):
        made.append(world.transfer(payer, [token], nobody, 1, bytes(16)))
        token = world.outputs(made[-1], [token], payer)[1]
    key = net.certificate_of("berik").key
    made.append(world.transfer(payer, [token], key, token.amount, bytes(16)))
    net.ledger.upload(Bundle(tuple(made), (issuance,), (payer.certificate,)))
    net.reconcile("berik")
    assert berik.balance().held == token.amount
    with refused(Code.RECONCILE_FIRST):
        berik.reconciling.exchanging.begin_defund(token.amount - 1)
    assert len(berik.reconciling.exchanging.begin_refresh()) == 1
    net.upload("berik")
    berik.reconciling.exchanging.begin_defund(token.amount - 1)
    net.upload("berik")
    assert berik.balance().held == 1


def test_a_revoked_wallet_may_only_defund(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    net.revoke(net.revocation_id_of("asel"), Reason.LIMITS)
    net.learn_policy("asel")
    assert asel.reconciling.exchanging.begin_refresh() == ()
    with refused(Code.WALLET_REVOKED):
        asel.reconciling.fundings.begin(1_000)
    asel.reconciling.exchanging.begin_defund()
    net.upload("asel")
    assert asel.balance().held == 0
    assert sum(net.ledger.accounts.values()) == 100_000


def test_tokens_at_hop_15_and_of_expired_certificates_are_redeemed(net: WalletNetwork) -> None:
    names = [f"hand {number}" for number in range(16)]
    for name in names:
        net.wallet(name)
    net.fund_exactly(names[0], 50_000)
    for payer, payee in pairwise(names):
        net.pay(payer, payee, 50_000)
    last = net.wallets[names[-1]]
    assert [item.token.hop for item in last.tokens()] == [15]
    net.world.now += 61 * DAY
    net.reconcile(names[-1], anew=True, refresh=True)
    assert last.balance().spendable == 50_000


def test_money_past_its_grace_is_no_longer_held(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 50_000)
    net.world.now += 120 * DAY
    net.learn_policy("asel")
    assert asel.balance().held == 50_000
    net.world.now += 1
    net.learn_policy("asel")
    assert asel.balance().held == asel.risk().amount == 0
    assert [item.state for item in asel._purse.tokens.all()] == [TokenState.EXPIRED]


def test_a_refusal_that_brings_nothing_is_over_too(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    net.wallet("dina", 100_000)
    berik = net.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(net, "dina", request)[1])
    payment, raw = pay_unseen(net, "asel", request)
    asel.paying.acknowledge(payment, berik.receiving.receive(raw).receipt)
    (returning,) = asel.reconciling.exchanging.open()
    assert asel.reconciling.exchanging.complete(returning, None, 0)
    assert not asel.reconciling.exchanging.complete(returning, None, 0)
    assert (asel.reconciling.exchanging.open(), asel.balance().redeeming) == ((), 0)


def test_a_redemption_that_the_ledger_refuses_is_over(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    (txid,) = asel.reconciling.exchanging.begin_defund(40_000)
    asel.reconciling.answer([net.ledger.refuse(txid, Code.WALLET_REVOKED)])
    assert (asel.reconciling.exchanging.open(), asel.balance().redeeming) == ((), 0)
