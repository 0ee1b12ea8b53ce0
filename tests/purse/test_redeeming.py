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


def test_a_refresh_brings_fresh_tokens_under_the_new_key(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    for _ in range(3):
        town.pay("asel", "berik", 30_000)
    town.reconcile("berik", anew=True)
    ids = berik.reconciling.exchanging.begin_refresh()
    assert (berik.balance().held, berik.balance().redeeming) == (0, 90_000)
    assert berik.reconciling.exchanging.open() == ids
    town.upload("berik")
    assert (berik.balance().spendable, berik.balance().redeeming) == (90_000, 0)
    current = berik._purse.epochs.current()
    assert current is not None
    assert {(item.token.owner, item.token.hop) for item in berik.tokens()} == {(current.body.key, 0)}
    assert berik.reconciling.exchanging.begin_refresh() == ()


def test_an_outcome_may_come_by_itself_and_only_once(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    town.pay("asel", "berik", 30_000)
    town.reconcile("berik", anew=True)
    (txid,) = berik.reconciling.exchanging.begin_refresh()
    rows = town.ledger.upload(berik.reconciling.uploads.next())
    berik.reconciling.answer([replace(row, outcome=None) for row in rows])
    (outcome,) = (row.outcome for row in rows if row.transfer == txid)
    assert outcome is not None
    assert berik.reconciling.exchanging.open() == (txid,)
    assert berik.reconciling.exchanging.complete(txid, outcome.issuance, outcome.value)
    assert not berik.reconciling.exchanging.complete(txid, outcome.issuance, outcome.value)
    assert berik.balance().spendable == 30_000


def test_nothing_is_redeemed_before_everything_is_uploaded(town: WalletNetwork) -> None:
    asel, _ = town.wallet("asel", 100_000), town.wallet("berik")
    town.pay("asel", "berik", 30_000)
    with refused(Code.RECONCILE_FIRST):
        asel.reconciling.exchanging.begin_defund(10_000)


def test_a_token_under_an_intent_is_not_redeemed(town: WalletNetwork) -> None:
    asel, berik = town.wallet("asel", 100_000, 50_000), town.wallet("berik")
    asel.paying.reserve(berik.receiving.request(90_000))
    town.certify("asel")
    with refused(Code.FUNDS_SHORT):
        asel.reconciling.exchanging.begin_defund(50_001)
    asel.reconciling.exchanging.begin_refresh()
    assert (asel.balance().redeeming, asel.balance().reserved) == (50_000, 100_000)


def test_defunding_gives_change_and_takes_the_most_worn(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000, 50_000)
    town.certify("asel")
    town.fund_exactly("asel", 70_000)
    asel.reconciling.exchanging.begin_defund(120_000)
    town.upload("asel")
    assert asel.balance().held == 100_000
    assert sum(town.ledger.accounts.values()) == 120_000
    asel.reconciling.exchanging.begin_defund()
    town.upload("asel")
    assert asel.balance().held == 0
    assert sum(town.ledger.accounts.values()) == 220_000


def test_a_token_too_heavy_for_change_is_refreshed_before_part_of_it_is_defunded(town: WalletNetwork) -> None:
    """What the ledger delivers may have a provenance to which no transfer that leaves money can be added."""
    berik, world = town.wallet("berik"), town.world
    payer, nobody = world.person("Dauren"), Key.of("nobody").public
    issuance = world.issue(payer, 100_000)
    (token,), made = issued_tokens(issuance), []
    for _ in range(MAX_BUNDLE_ITEMS - 2):
        made.append(world.transfer(payer, [token], nobody, 1, bytes(16)))
        token = world.outputs(made[-1], [token], payer)[1]
    key = town.certificate_of("berik").key
    made.append(world.transfer(payer, [token], key, token.amount, bytes(16)))
    town.ledger.upload(Bundle(tuple(made), (issuance,), (payer.certificate,)))
    town.reconcile("berik")
    assert berik.balance().held == token.amount
    with refused(Code.RECONCILE_FIRST):
        berik.reconciling.exchanging.begin_defund(token.amount - 1)
    assert len(berik.reconciling.exchanging.begin_refresh()) == 1
    town.upload("berik")
    berik.reconciling.exchanging.begin_defund(token.amount - 1)
    town.upload("berik")
    assert berik.balance().held == 1


def test_a_revoked_wallet_may_only_defund(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    town.revoke(town.revocation_id_of("asel"), Reason.LIMITS)
    town.learn_policy("asel")
    assert asel.reconciling.exchanging.begin_refresh() == ()
    with refused(Code.WALLET_REVOKED):
        asel.reconciling.fundings.begin(1_000)
    asel.reconciling.exchanging.begin_defund()
    town.upload("asel")
    assert asel.balance().held == 0
    assert sum(town.ledger.accounts.values()) == 100_000


def test_tokens_at_hop_15_and_of_expired_certificates_are_redeemed(town: WalletNetwork) -> None:
    names = [f"hand {number}" for number in range(16)]
    for name in names:
        town.wallet(name)
    town.fund_exactly(names[0], 50_000)
    for payer, payee in pairwise(names):
        town.pay(payer, payee, 50_000)
    last = town.wallets[names[-1]]
    assert [item.token.hop for item in last.tokens()] == [15]
    town.world.now += 61 * DAY
    town.reconcile(names[-1], anew=True, refresh=True)
    assert last.balance().spendable == 50_000


def test_money_past_its_grace_is_no_longer_held(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 50_000)
    town.world.now += 120 * DAY
    town.learn_policy("asel")
    assert asel.balance().held == 50_000
    town.world.now += 1
    town.learn_policy("asel")
    assert asel.balance().held == asel.risk().amount == 0
    assert [item.state for item in asel._purse.tokens.all()] == [TokenState.EXPIRED]


def test_a_refusal_that_brings_nothing_is_over_too(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    town.wallet("dina", 100_000)
    berik = town.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(town, "dina", request)[1])
    payment, raw = pay_unseen(town, "asel", request)
    asel.paying.acknowledge(payment, berik.receiving.receive(raw).receipt)
    (returning,) = asel.reconciling.exchanging.open()
    assert asel.reconciling.exchanging.complete(returning, None, 0)
    assert not asel.reconciling.exchanging.complete(returning, None, 0)
    assert (asel.reconciling.exchanging.open(), asel.balance().redeeming) == ((), 0)


def test_a_redemption_that_the_ledger_refuses_is_over(town: WalletNetwork) -> None:
    asel = town.wallet("asel", 100_000)
    (txid,) = asel.reconciling.exchanging.begin_defund(40_000)
    asel.reconciling.answer([town.ledger.refuse(txid, Code.WALLET_REVOKED)])
    assert (asel.reconciling.exchanging.open(), asel.balance().redeeming) == ((), 0)
