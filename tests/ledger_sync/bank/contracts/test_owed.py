"""The contracts of what the central bank is asked for: redemptions, refunds, compensations, and what was caused."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.caused import CHALLENGE, FUNDING, LOST, REDEMPTION, REFUND
from ledger_sync.bank.ports.compensations import Share
from ledger_sync.bank.ports.redemptions import Opened, Outcome
from ledger_sync.bank.ports.settlements import Answer
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import Chain, enter
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import DAY, NOW

AFTER = NOW + 100 * DAY
"""When what is issued now has expired."""
ONE, TWO = b"\1" * 32, b"\2" * 32


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage)


# redemptions


def test_a_redemption_is_opened_once(chain: Chain, backend: Backend) -> None:
    redemptions, other = chain.storage.redemptions, backend.open().redemptions
    txid = chain.ids[0]
    assert redemptions.get(txid) is None
    assert redemptions.open(txid, Opened(None, 700))
    assert not other.open(txid, Opened(None, 600))
    assert other.get(txid) == Opened(None, 700)
    assert other.under_way() == [(txid, 700)]


def test_the_last_outcome_of_a_redemption_stands_and_the_first_is_told_from_later_ones(chain: Chain) -> None:
    redemptions, (one, two, _) = chain.storage.redemptions, chain.ids
    for txid in (one, two):
        redemptions.open(txid, Opened(None, 700))
    assert redemptions.outcomes([one, two]) == {}
    assert redemptions.done(one, 700, None)
    assert redemptions.outcomes([one, two]) == {one: Outcome(None, 700)}
    assert not redemptions.done(one, 700, chain.issuance.id)
    assert redemptions.outcomes([one, two]) == {one: Outcome(chain.issuance, 700)}
    assert redemptions.under_way() == [(two, 700)]
    assert redemptions.giving(chain.issuance.id) == one
    assert redemptions.giving(ONE) is None


def test_one_is_under_way_for_whose_account_it_was_opened_and_who_signed_it(chain: Chain) -> None:
    redemptions, account, payer = chain.storage.redemptions, enter(chain.storage), chain.people[3]
    redeemed, key = chain.redeem(payer, chain.tokens[-1]), payer.key.public
    assert not redemptions.is_under_way(account, key)
    redemptions.open(redeemed.id, Opened(account, 600))
    assert redemptions.is_under_way(account, key)
    assert not redemptions.is_under_way("b" * 32, key)
    assert not redemptions.is_under_way(account, chain.people[0].key.public)
    redemptions.done(redeemed.id, 600, None)
    assert not redemptions.is_under_way(account, key)


def test_what_was_never_opened_has_no_outcome(chain: Chain) -> None:
    assert not chain.storage.redemptions.done(chain.ids[0], 700, None)
    assert chain.storage.redemptions.outcomes(chain.ids) == {}


def test_what_a_key_redeemed_is_found_by_it_once_it_has_a_verdict(chain: Chain) -> None:
    redemptions, payer = chain.storage.redemptions, chain.people[3]
    redeemed = chain.redeem(payer, chain.tokens[-1])
    assert redemptions.signed_by(payer.key.public) == []
    chain.storage.settlements.answer([Answer(chain.verdict(redeemed, 600), None)])
    assert redemptions.signed_by(payer.key.public) == [(redeemed, 600)]
    chain.storage.settlements.answer([Answer(chain.verdict(chain.transfers[0], 700, 300), None)])
    assert redemptions.signed_by(chain.people[0].key.public) == []


# compensations


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paid=st.lists(st.integers(0, 500), min_size=1, max_size=8))
def test_what_is_noted_of_a_share_adds_up_to_the_most_that_was_paid(
    storage: Storage, paid: list[int]
) -> None:
    share = Share(ONE, TWO, len(storage.compensations.of(ONE)))
    account = enter(storage)
    more = [storage.compensations.note(share, account, amount, 0) for amount in paid]
    assert min(more) >= 0
    assert sum(more) == max(paid)


def test_what_is_owed_is_listed_until_it_is_paid(chain: Chain) -> None:
    compensations, txid = chain.storage.compensations, chain.ids[0]
    one, two = Share(txid, ONE, 0), Share(txid, ONE, 1)
    for share in (one, two):
        compensations.note(share, enter(chain.storage), 0, 400)
    assert compensations.of(txid) == [one, two]
    assert list(compensations.owed()) == list(compensations.owed(txid)) == [one, two]
    assert compensations.owed(TWO) == []
    assert compensations.most([]) == {txid: 800}
    compensations.note(one, enter(chain.storage), 400, 0)
    assert compensations.owed(txid) == [two]
    compensations.note(two, enter(chain.storage), 400, 0)
    assert compensations.most([]) == {}


def test_of_a_transfer_of_which_nothing_is_known_yet_all_that_it_consumes_may_come(chain: Chain) -> None:
    assert chain.storage.compensations.most(chain.ids[:1]) == {chain.ids[0]: 1_000}


# what was caused


def test_an_act_is_noted_once_and_listed_in_order(storage: Storage, backend: Backend) -> None:
    caused, other = storage.caused, backend.open().caused
    assert caused.note(FUNDING, ONE, None, NOW)
    assert not other.note(FUNDING, ONE, TWO, NOW + 1)
    assert other.note(REFUND, ONE, TWO, NOW + 2)
    first, second = caused.since(0, 0)
    assert [(act.kind, act.cause, act.subject) for act in (first, second)] == [
        (FUNDING, ONE, None),
        (REFUND, ONE, TWO),
    ]
    assert first.number < second.number
    assert caused.since(0, first.number) == [second]
    assert caused.since(NOW + 2, 0) == [second]
    assert other.get(REFUND, ONE) == second
    assert other.get(REFUND, TWO) is None


def test_claims_that_were_paid_are_told_with_what_they_came_to_to_whom_asks_for_them(
    storage: Storage,
) -> None:
    caused = storage.caused
    for kind in (LOST, CHALLENGE, LOST):
        caused.note(kind, ONE, None, NOW)
    storage.movements.keep_moved(LOST, ONE, -30)
    (gained,) = caused.since(0, 0)
    assert (gained.kind, gained.lost) == (CHALLENGE, 0)
    assert [(act.kind, act.lost) for act in caused.since(0, 0, with_lost=True)] == [
        (LOST, 30),
        (CHALLENGE, 0),
    ]


def test_what_was_undone_is_not_listed_and_its_number_is_given_to_nobody(storage: Storage) -> None:
    caused = storage.caused
    caused.note(FUNDING, ONE, None, NOW)
    (first,) = caused.since(0, 0)
    caused.forget(FUNDING, ONE)
    assert caused.since(0, 0) == []
    caused.note(FUNDING, TWO, None, NOW)
    assert caused.since(0, 0)[0].number > first.number


def test_what_came_of_a_redemption_is_listed_with_it(chain: Chain) -> None:
    caused, txid = chain.storage.caused, chain.ids[0]
    caused.note(REDEMPTION, txid, txid, NOW)
    assert caused.since(0, 0)[0].issuance is None
    chain.storage.redemptions.open(txid, Opened(None, 700))
    chain.storage.redemptions.done(txid, 700, chain.issuance.id)
    assert caused.since(0, 0)[0].issuance == chain.issuance


# refunds


def test_a_refund_is_opened_once_and_closed_once(chain: Chain, backend: Backend) -> None:
    refunds, other = chain.storage.refunds, backend.open().refunds
    token = chain.owned(700).ref
    assert refunds.open(NOW, 10) == []
    assert refunds.open(AFTER, 10) == [token]
    assert other.open(AFTER, 10) == []
    assert other.account_of(token) == enter(chain.storage)
    assert other.under_way() == [(token, 700)]
    assert refunds.owed(token, 300)
    assert other.under_way() == [(token, 400)]
    assert other.paid(token, 700)
    assert not refunds.paid(token, 700)
    assert not refunds.late(token)
    assert not refunds.too_early(token)
    assert refunds.under_way() == []
    assert refunds.open(AFTER, 10) == []


def test_what_was_asked_for_too_early_is_found_again(chain: Chain) -> None:
    refunds = chain.storage.refunds
    token = chain.owned(700).ref
    refunds.open(AFTER, 10)
    assert refunds.too_early(token)
    assert refunds.account_of(token) is None
    assert refunds.open(AFTER, 10) == [token]


def test_what_comes_too_late_is_found_no_more(chain: Chain) -> None:
    refunds = chain.storage.refunds
    token = chain.owned(700).ref
    refunds.open(AFTER, 10)
    assert refunds.late(token)
    assert refunds.open(AFTER, 10) == []


def test_the_oldest_are_opened_first_and_no_more_than_asked_for(chain: Chain) -> None:
    first = chain.owned(700).ref
    chain.world.now += 1
    later = chain.owned(300).ref
    assert [chain.storage.refunds.open(AFTER, 1) for _ in range(3)] == [[first], [later], []]
