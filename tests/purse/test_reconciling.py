"""Reconciling: uploads in the order of descent, answers kept once, money delivered, renewed and taken back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.purse.test_paying import refused
from tests.purse.test_receiving import Clone, pay_unseen
from tests.support.small_ledger import repeated
from tests.support.wallets import Town
from tests.support.world import DAY, LIMITS, Key
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.codes import Code
from wallet.protocol.evidence import Contradiction, check_evidence
from wallet.protocol.policy import Reason
from wallet.protocol.validity import issued_tokens
from wallet.purse.history import EventKind
from wallet.purse.journal import PurseState
from wallet.purse.tokens import TokenState


@pytest.fixture
def clone(town: Town) -> Clone:
    return Clone(town)


def total_held(town: Town) -> int:
    return sum(wallet.balance().held for wallet in town.wallets.values())


# epochs


def test_an_epoch_is_offered_until_it_is_certified(town: Town) -> None:
    asel = town.wallet("asel")
    first = asel.reconciling.begin_epoch()
    assert town.open("asel").reconciling.begin_epoch() == first
    town.certify("asel")
    assert town.wallets["asel"].reconciling.begin_epoch().key != first.key


def test_a_merchants_key_is_kept_so_that_its_printed_codes_stay_good(town: Town) -> None:
    town.wallet("asel", 100_000)
    shop = town.merchant("shop", 10_000)
    request = shop.receiving.request(20_000, printed=True)
    town.world.now += DAY
    merchant = {"kind": request.body.payee.body.kind, "category": 5411, "name": "Shop"}
    renewed = town.certify("shop", **merchant)
    assert renewed.body.key == request.body.key
    _, raw = pay_unseen(town, "asel", request)
    assert shop.receiving.receive(raw).code is None
    town.wallet("dina")
    assert town.pay("shop", "dina", 30_000).code is None
    assert shop.reconciling.begin_epoch(anew=True).key != request.body.key


def test_a_strangers_certificate_is_not_installed(town: Town) -> None:
    asel = town.wallet("asel")
    town.wallet("berik")
    stranger = town.wallets["berik"]._purse.epochs.current()
    assert stranger is not None
    with refused(Code.NOT_CERTIFIED):
        asel.reconciling.install_certificate(stranger)


def test_another_root_is_not_believed(town: Town) -> None:
    asel = town.wallet("asel")
    with refused(Code.DIRECTORY_SIGNATURE):
        asel.reconciling.take_root(town.world.issuing.public, town.world.signed_directory().encode())


# fundings


def test_a_funding_is_asked_for_again_until_it_is_complete(town: Town) -> None:
    asel = town.wallet("asel")
    funding = asel.reconciling.begin_funding(1_234_567)
    assert sum(funding.amounts) == 1_234_567
    asel = town.open("asel")
    assert asel.reconciling.open_fundings() == (funding,)
    assert asel.balance().funding == 1_234_567
    issuance = town.issue(funding)
    assert asel.reconciling.complete_funding(issuance)
    assert not asel.reconciling.complete_funding(issuance)
    assert (asel.balance().spendable, asel.balance().unsettled, asel.balance().funding) == (1_234_567, 0, 0)
    assert asel.reconciling.open_fundings() == ()


def test_an_issuance_must_be_what_was_asked_for(town: Town) -> None:
    asel = town.wallet("asel")
    funding = asel.reconciling.begin_funding(1_000_000)
    with refused(Code.FUNDING_MISMATCH):
        asel.reconciling.complete_funding(town.issue(replace(funding, amounts=(1_000_001,))))
    with refused(Code.NOT_FOUND):
        asel.reconciling.complete_funding(town.issue(replace(funding, id=b"\0" * 16)))
    assert asel.balance().held == 0


def test_money_of_a_dropped_funding_is_still_ours(town: Town) -> None:
    asel = town.wallet("asel")
    funding = asel.reconciling.begin_funding(1_000_000)
    asel.reconciling.drop_funding(funding.id)
    assert asel.balance().funding == 0
    town.issue(funding)
    asel.reconciling.deliver(*town.ledger.deliver({funding.owner}))
    assert asel.balance().spendable == 1_000_000


def test_fundings_count_against_the_balance_limit(town: Town) -> None:
    town.limits = replace(LIMITS, balance=100_000)
    asel = town.wallet("asel", 50_000)
    asel.reconciling.begin_funding(30_000)
    with refused(Code.LIMIT_BALANCE):
        asel.reconciling.begin_funding(20_001)


# uploads and answers


def test_what_was_received_and_paid_is_uploaded_with_all_that_it_needs(town: Town) -> None:
    asel, berik, dina = town.wallet("asel", 100_000), town.wallet("berik"), town.wallet("dina")
    town.pay("asel", "berik", 60_000)
    town.pay("berik", "dina", 50_000)
    for wallet, transfers, requests in ((asel, 1, 1), (berik, 2, 2), (dina, 2, 1)):
        bundle = wallet.reconciling.uploads()
        assert (len(bundle.transfers), len(bundle.issuances), len(bundle.requests)) == (
            transfers,
            1,
            requests,
        )
    assert all(row.settlement is not None for row in town.ledger.upload(dina.reconciling.uploads()))


def test_settled_money_is_no_longer_unsettled(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    town.pay("asel", "berik", 60_000)
    town.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().unsettled) == (60_000, 0)
    assert berik.reconciling.uploads() == Bundle()


def test_change_of_unsettled_money_is_unsettled(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik, _ = town.wallet("berik"), town.wallet("dina")
    town.pay("asel", "berik", 60_000)
    town.pay("berik", "dina", 20_000)
    assert berik.balance().unsettled == berik.risk().unsettled == 40_000
    town.reconcile("berik")
    assert berik.balance().unsettled == 0


def test_uploads_in_pieces_give_the_same(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    for _ in range(5):
        town.pay("asel", "berik", 10_000)
    town.upload("berik", limit=2)
    assert berik.balance().unsettled == 0


def test_an_answer_twice_changes_nothing_and_the_first_verdict_stands(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    town.pay("asel", "berik", 60_000)
    rows = town.ledger.upload(berik.reconciling.uploads())
    berik.reconciling.answer(rows)
    before = (berik.balance(), berik.tokens())
    berik.reconciling.answer([repeated(row, town.world.now) for row in rows])
    assert (berik.balance(), berik.tokens()) == before
    berik.reconciling.answer([town.ledger.refuse(rows[0].transfer, Code.TOO_LATE)])
    assert (berik.balance(), berik.tokens()) == before


def test_an_unsigned_answer_is_not_believed(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    town.pay("asel", "berik", 60_000)
    (row,) = town.ledger.upload(berik.reconciling.uploads())
    assert row.settlement is not None
    forged = replace(row.settlement, signature=row.consumptions[0].signature)
    with refused(Code.SETTLEMENT_SIGNATURE):
        berik.reconciling.answer([replace(row, settlement=forged)])
    with refused(Code.SETTLEMENT_SIGNATURE):
        berik.reconciling.answer([replace(row, transfer=b"\0" * 32)])
    with refused(Code.NOTARY_SIGNATURE):
        bad = replace(row.consumptions[0], signature=row.settlement.signature)
        berik.reconciling.answer([replace(row, consumptions=(bad,))])
    assert berik.balance().unsettled == 60_000


def test_waiting_is_asked_for_again_next_time(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    town.pay("asel", "berik", 60_000)
    (row,) = town.ledger.upload(berik.reconciling.uploads())
    berik.reconciling.answer([replace(row, settlement=None, consumptions=())])
    assert berik.reconciling.uploads(passed={row.transfer}) == Bundle()
    assert [item.id for item in berik.reconciling.uploads().transfers] == [row.transfer]
    assert berik.balance().unsettled == 60_000


def test_what_the_ledger_refuses_is_worth_nothing(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    received = town.pay("asel", "berik", 60_000)
    berik.reconciling.answer([town.ledger.refuse(received.tokens[0].ref.txid, Code.TOO_LATE)])
    assert berik.balance().held == 0


# conflicts


def test_who_comes_second_settles_short_and_keeps_the_evidence(town: Town, clone: Clone) -> None:
    town.wallet("asel", 50_000)
    berik, dina = town.wallet("berik", 10_000), town.wallet("dina")
    _, one = pay_unseen(town, "asel", berik.receiving.request(50_000))
    other = clone.second_payment(dina.receiving.request(50_000))
    berik.receiving.receive(one)
    dina.receiving.receive(other)
    town.reconcile("dina")
    town.reconcile("berik")
    assert (dina.balance().spendable, berik.balance().spendable, berik.balance().held) == (
        50_000,
        10_000,
        10_000,
    )
    (evidence,) = berik.evidence()
    assert evidence.kind is Contradiction.CONFLICT
    assert check_evidence(evidence, town.world.directory()).wallet == town.id_of("asel")
    with refused(Code.FUNDS_SHORT):
        berik.paying.consider(dina.receiving.request(10_001))


def test_a_short_token_is_not_passed_on_and_redeems_what_settled(town: Town, clone: Clone) -> None:
    town.wallet("asel", 50_000, 20_000)
    berik, dina = town.wallet("berik"), town.wallet("dina")
    _, one = pay_unseen(town, "asel", berik.receiving.request(70_000))
    asel = town.wallets["asel"]._purse
    (first,) = (asel.objects.transfer(row["txid"]) for row in asel.store.rows("SELECT txid FROM outgoing"))
    smaller = next(ref for ref in first.body.inputs if (asel.objects.token(ref)).amount == 20_000)
    other = clone.payment_of(smaller, dina.receiving.request(20_000))
    dina.receiving.receive(other)
    town.reconcile("dina")
    berik.receiving.receive(one)
    town.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().held) == (0, 50_000)
    with refused(Code.RECONCILE_FIRST):
        town.pay("berik", "dina", 50_000)
    berik.reconciling.begin_refresh()
    town.upload("berik")
    assert berik.balance().spendable == 50_000


def test_a_sequence_fork_is_evidence_too(town: Town, clone: Clone) -> None:
    town.wallet("asel", 50_000, 20_000)
    shop = town.merchant("shop")
    request = shop.receiving.request(20_000, printed=True)
    _, one = pay_unseen(town, "asel", request)
    asel = town.wallets["asel"]._purse
    (other_token,) = (item.token.ref for item in asel.tokens.all(TokenState.HELD))
    other = clone.payment_of(other_token, shop.receiving.request(50_000))
    assert shop.receiving.receive(one).code is None
    assert shop.receiving.receive(other).code is None
    (evidence,) = shop.evidence()
    assert evidence.kind is Contradiction.SEQUENCE_FORK
    assert shop.balance().held == 70_000


def test_a_token_that_something_else_consumed_is_lost(town: Town, clone: Clone) -> None:
    """The own keystore was copied, and the copy came first."""
    asel, dina = town.wallet("asel", 50_000), town.wallet("dina")
    (token,) = (item.token.ref for item in asel.tokens())
    payment = clone.payment_of(token, dina.receiving.request(50_000))
    dina.receiving.receive(payment)
    town.reconcile("dina")
    town.reconcile("asel")
    assert asel.balance().held == 0


def test_an_intent_whose_token_was_lost_is_not_signed(town: Town, clone: Clone) -> None:
    asel, berik, dina = town.wallet("asel", 50_000), town.wallet("berik"), town.wallet("dina")
    (token,) = (item.token.ref for item in asel.tokens())
    dina.receiving.receive(clone.payment_of(token, dina.receiving.request(50_000)))
    intent = asel.paying.reserve(berik.receiving.request(20_000))
    town.reconcile("dina")
    town.reconcile("asel")
    with refused(Code.RECONCILE_FIRST):
        asel.paying.sign(intent)
    assert (asel.paying.pending(), asel.balance().held) == ((), 0)


def test_money_of_a_cheat_that_we_can_prove_is_not_passed_on(town: Town, clone: Clone) -> None:
    town.wallet("asel", 50_000)
    berik, dina, shop = town.wallet("berik"), town.wallet("dina"), town.merchant("shop")
    _, one = pay_unseen(town, "asel", berik.receiving.request(50_000))
    dina.receiving.receive(clone.second_payment(dina.receiving.request(50_000)))
    berik.receiving.receive(one)
    town.pay("berik", "shop", 50_000)
    assert shop.balance().spendable == 50_000
    shop.receiving.receive(pay_unseen(town, "dina", shop.receiving.request(50_000))[1])
    assert (shop.balance().spendable, shop.balance().waiting) == (0, 50_000)
    with refused(Code.RECONCILE_FIRST):
        shop.paying.consider(dina.receiving.request(50_000))


# deliveries


def test_what_the_payee_never_saw_is_delivered_and_shown_later_is_a_repeat(town: Town) -> None:
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


def test_what_the_ledger_delivers_is_never_refused_for_a_limit(town: Town) -> None:
    town.limits = replace(LIMITS, balance=100_000)
    town.wallet("asel", 60_000, 40_000)
    shop = town.merchant("shop", 70_000)
    request = shop.receiving.request(60_000, printed=True)
    pay_unseen(town, "asel", request)
    town.reconcile("asel")
    town.reconcile("shop")
    assert shop.balance().held == 130_000
    assert shop.reconciling.excess() == 30_000
    shop.reconciling.begin_defund(shop.reconciling.excess())
    town.upload("shop")
    assert (shop.balance().held, shop.reconciling.excess()) == (100_000, 0)
    assert town.ledger.accounts == {town.id_of("shop"): 30_000}


def test_what_was_refused_stays_refused_though_the_ledger_lists_it(town: Town) -> None:
    asel = town.wallet("asel", 100_000)
    town.wallet("dina", 100_000)
    berik = town.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(town, "dina", request)[1])
    payment, raw = pay_unseen(town, "asel", request)
    refusal = berik.receiving.receive(raw)
    town.reconcile("asel")
    town.reconcile("berik")
    assert (berik.balance().held, berik.balance().refused) == (30_000, 30_000)
    town.reconcile("asel")
    assert asel.balance().held == 100_000
    asel.paying.acknowledge(payment, refusal.receipt)
    town.reconcile("asel")
    assert (asel.balance().held, asel.balance().redeeming) == (100_000, 0)


def test_the_payer_may_bring_the_refusal_itself(town: Town) -> None:
    asel = town.wallet("asel", 100_000)
    town.wallet("dina", 100_000)
    berik = town.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(town, "dina", request)[1])
    payment, raw = pay_unseen(town, "asel", request)
    asel.paying.acknowledge(payment, berik.receiving.receive(raw).receipt)
    assert (asel.balance().spendable, asel.balance().redeeming) == (70_000, 30_000)
    (returning,) = asel.reconciling.open_redemptions()
    town.upload("asel")
    assert asel.reconciling.open_redemptions() == ()
    assert (asel.balance().spendable, asel.balance().redeeming) == (100_000, 0)
    assert town.ledger.rows[returning].outcome is not None


def test_delivered_money_is_spent_only_after_everything_was_uploaded(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik", 10_000)
    pay_unseen(town, "asel", berik.receiving.request(60_000))
    town.reconcile("asel")
    town.pay("berik", "asel", 10_000)
    delivered = berik.reconciling.deliver(*town.ledger.deliver(berik._purse.epochs.own()))
    assert [token.amount for token in delivered.tokens] == [60_000]
    assert (berik.balance().spendable, berik.balance().waiting) == (0, 60_000)
    with refused(Code.RECONCILE_FIRST):
        berik.reconciling.begin_refresh()
    town.upload("berik")
    assert berik.balance().spendable == 60_000


def test_deliveries_come_in_any_pieces(town: Town) -> None:
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


# refresh, defunding


def test_a_refresh_brings_fresh_tokens_under_the_new_key(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    for _ in range(3):
        town.pay("asel", "berik", 30_000)
    town.reconcile("berik", anew=True)
    ids = berik.reconciling.begin_refresh()
    assert (berik.balance().held, berik.balance().redeeming) == (0, 90_000)
    assert berik.reconciling.open_redemptions() == ids
    town.upload("berik")
    assert (berik.balance().spendable, berik.balance().redeeming) == (90_000, 0)
    current = berik._purse.epochs.current()
    assert current is not None
    assert {(item.token.owner, item.token.hop) for item in berik.tokens()} == {(current.body.key, 0)}
    assert berik.reconciling.begin_refresh() == ()


def test_an_outcome_may_come_by_itself_and_only_once(town: Town) -> None:
    town.wallet("asel", 100_000)
    berik = town.wallet("berik")
    town.pay("asel", "berik", 30_000)
    town.reconcile("berik", anew=True)
    (txid,) = berik.reconciling.begin_refresh()
    rows = town.ledger.upload(berik.reconciling.uploads())
    berik.reconciling.answer([replace(row, outcome=None) for row in rows])
    (outcome,) = (row.outcome for row in rows if row.transfer == txid)
    assert outcome is not None
    assert berik.reconciling.open_redemptions() == (txid,)
    assert berik.reconciling.complete_redemption(txid, outcome.issuance, outcome.value)
    assert not berik.reconciling.complete_redemption(txid, outcome.issuance, outcome.value)
    assert berik.balance().spendable == 30_000


def test_nothing_is_redeemed_before_everything_is_uploaded(town: Town) -> None:
    asel, _ = town.wallet("asel", 100_000), town.wallet("berik")
    town.pay("asel", "berik", 30_000)
    with refused(Code.RECONCILE_FIRST):
        asel.reconciling.begin_defund(10_000)


def test_a_token_under_an_intent_is_not_redeemed(town: Town) -> None:
    asel, berik = town.wallet("asel", 100_000, 50_000), town.wallet("berik")
    asel.paying.reserve(berik.receiving.request(90_000))
    town.certify("asel")
    with refused(Code.FUNDS_SHORT):
        asel.reconciling.begin_defund(50_001)
    asel.reconciling.begin_refresh()
    assert (asel.balance().redeeming, asel.balance().reserved) == (50_000, 100_000)


def test_defunding_gives_change_and_takes_the_most_worn(town: Town) -> None:
    asel = town.wallet("asel", 100_000, 50_000)
    town.certify("asel")
    town.fund_exactly("asel", 70_000)
    asel.reconciling.begin_defund(120_000)
    town.upload("asel")
    assert asel.balance().held == 100_000
    assert sum(town.ledger.accounts.values()) == 120_000
    asel.reconciling.begin_defund()
    town.upload("asel")
    assert asel.balance().held == 0
    assert sum(town.ledger.accounts.values()) == 220_000


def test_a_token_too_heavy_for_change_is_refreshed_before_part_of_it_is_defunded(town: Town) -> None:
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
        berik.reconciling.begin_defund(token.amount - 1)
    assert len(berik.reconciling.begin_refresh()) == 1
    town.upload("berik")
    berik.reconciling.begin_defund(token.amount - 1)
    town.upload("berik")
    assert berik.balance().held == 1


def test_a_revoked_wallet_may_only_defund(town: Town) -> None:
    asel = town.wallet("asel", 100_000)
    town.revoke(town.revocation_id_of("asel"), Reason.LIMITS)
    town.learn_policy("asel")
    assert asel.reconciling.begin_refresh() == ()
    with refused(Code.WALLET_REVOKED):
        asel.reconciling.begin_funding(1_000)
    asel.reconciling.begin_defund()
    town.upload("asel")
    assert asel.balance().held == 0
    assert sum(town.ledger.accounts.values()) == 100_000


def test_tokens_at_hop_15_and_of_expired_certificates_are_redeemed(town: Town) -> None:
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


def test_money_past_its_grace_is_no_longer_held(town: Town) -> None:
    asel = town.wallet("asel", 50_000)
    town.world.now += 120 * DAY
    town.learn_policy("asel")
    assert asel.balance().held == 50_000
    town.world.now += 1
    town.learn_policy("asel")
    assert asel.balance().held == asel.risk().amount == 0
    assert [item.state for item in asel._purse.tokens.all()] == [TokenState.EXPIRED]


def test_a_refusal_that_brings_nothing_is_over_too(town: Town) -> None:
    asel = town.wallet("asel", 100_000)
    town.wallet("dina", 100_000)
    berik = town.wallet("berik")
    request = berik.receiving.request(30_000)
    berik.receiving.receive(pay_unseen(town, "dina", request)[1])
    payment, raw = pay_unseen(town, "asel", request)
    asel.paying.acknowledge(payment, berik.receiving.receive(raw).receipt)
    (returning,) = asel.reconciling.open_redemptions()
    assert asel.reconciling.complete_redemption(returning, None, 0)
    assert not asel.reconciling.complete_redemption(returning, None, 0)
    assert (asel.reconciling.open_redemptions(), asel.balance().redeeming) == ((), 0)


def test_a_redemption_that_the_ledger_refuses_is_over(town: Town) -> None:
    asel = town.wallet("asel", 100_000)
    (txid,) = asel.reconciling.begin_defund(40_000)
    asel.reconciling.answer([town.ledger.refuse(txid, Code.WALLET_REVOKED)])
    assert (asel.reconciling.open_redemptions(), asel.balance().redeeming) == ((), 0)


# keys


def test_an_old_key_is_destroyed_when_all_is_over_and_not_before(town: Town) -> None:
    asel, _ = town.wallet("asel", 50_000), town.wallet("berik")
    old = asel._purse.epochs.current()
    assert old is not None
    town.certify("asel")
    town.world.now += 91 * DAY
    assert asel.reconciling.retirable_keys() == ()
    town.certify("asel")
    asel.reconciling.begin_refresh()
    town.upload("asel")
    assert old.body.key in asel.reconciling.retirable_keys()
    over = asel.reconciling.retirable_keys()
    assert asel.reconciling.retire_keys(over, over) == ()
    assert asel.reconciling.retire_keys((), ()) == (), "nothing is destroyed that was not asked about"
    destroyed = asel.reconciling.retire_keys(over, ())
    assert old.body.key in destroyed
    assert len(town.keystores["asel"].aliases()) == 3 - len(destroyed)
    assert town.open("asel").state is PurseState.SOUND
    assert town.wallets["asel"].balance().spendable == 50_000


# reading


def test_history_and_chain(town: Town) -> None:
    asel = town.wallet("asel", 100_000)
    shop, dina = town.merchant("shop"), town.wallet("dina")
    town.world.now += 60
    payment = asel.paying.reserve(shop.receiving.request(30_000, memo="нан мен сүт"))
    received = shop.receiving.receive(asel.paying.sign(payment))
    town.world.now += 60
    town.pay("shop", "dina", 30_000)
    paid = asel.history()[-1]
    assert (paid.kind, paid.who, paid.memo, paid.amount) == (EventKind.PAID, "Shop", "нан мен сүт", 30_000)
    assert [event.kind for event in shop.history()] == [EventKind.RECEIVED, EventKind.PAID]
    assert [event.who for event in dina.history()] == ["Shop"]
    links = dina.chain(dina.tokens()[0].token.ref)
    assert [(link.hop, link.amount) for link in links] == [(0, 100_000), (1, 30_000), (2, 30_000)]
    assert [link.signer for link in links] == [None, town.id_of("asel"), town.id_of("shop")]
    assert links[1].txid == received.tokens[0].ref.txid


def test_risk_says_what_goes_with_the_device_and_until_when(town: Town) -> None:
    asel, berik = town.wallet("asel", 100_000), town.wallet("berik")
    assert (berik.risk().amount, berik.risk().until) == (0, None)
    town.pay("asel", "berik", 30_000)
    risk = berik.risk()
    assert (risk.amount, risk.unsettled, risk.until) == (30_000, 30_000, town.world.now + (90 + 30) * DAY)
    assert (asel.risk().amount, asel.risk().unsettled) == (70_000, 0)


def test_money_is_neither_made_nor_lost_on_the_way(town: Town) -> None:
    for name in ("asel", "berik", "dina"):
        town.wallet(name, 50_000, 50_000)
    town.pay("asel", "berik", 70_000)
    town.pay("berik", "dina", 90_000)
    town.pay("dina", "asel", 110_000)
    assert total_held(town) == 300_000
    for name in ("dina", "asel", "berik", "dina", "asel"):
        town.reconcile(name, anew=True, refresh=True)
    assert total_held(town) == town.ledger.outstanding() == 300_000
