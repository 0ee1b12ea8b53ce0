"""Acceptance: what a payee refuses although it is valid, each rule at its edge, in the order of SPEC 8.4."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import AMOUNT, FACE, Deal, chain, deal, refusal_of
from tests.support.world import DAY, LIMITS, NOW, World
from tests.vectors.bad_payments import long_chain_of_change
from tests.vectors.good import SHOP, delta, two_transfers
from wallet.protocol.acceptance import check_counterpart, check_passable
from wallet.protocol.bounds import MAX_AHEAD
from wallet.protocol.certificate import Limits, revocation_id
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.limits import Commitments, check_days
from wallet.protocol.payment import Payment
from wallet.protocol.policy import Policy, Reason
from wallet.protocol.request import request_ref
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Verified, verify_payment

WORLD = World()


def refused(made: Deal, **changes: object) -> Code:
    return refusal_of(lambda: made.accept(**changes))


def policy(**limits: int) -> Policy:
    return WORLD.policy(limits=replace(LIMITS, **limits))


def revoked(name: str, reason: Reason) -> Policy:
    return WORLD.policy(delta(1, (WORLD.person(name), reason)))


def test_a_payment_that_answers_its_request_is_accepted() -> None:
    deal().accept()
    chain(15).deal().accept()
    deal(payee=SHOP, nonce=None, is_open=True).accept()
    two_transfers().accept()


def test_a_payment_to_another_request_is_unknown() -> None:
    made = deal()
    assert refused(replace(made, request=WORLD.request(made.payee, AMOUNT, memo="x"))) is Code.REQUEST_UNKNOWN


def test_a_redemption_answers_no_request() -> None:
    made = deal()
    ref = request_ref(made.request)
    assert made.payment.transfers[0].body.answers(ref)
    assert not replace(made.payment.transfers[0].body, purpose=ref[::-1]).answers(ref)


def test_an_open_amount_has_a_ceiling() -> None:
    deal(is_open=True, amount=AMOUNT).accept()
    deal(is_open=True, edit=lambda body: replace(body, amount=1, change=FACE - 1)).accept()


@pytest.mark.parametrize("late", [0, 1])
def test_a_request_is_answered_before_it_expires(late: int) -> None:
    made = deal(edit=lambda body: replace(body, time=NOW + 3600 + late))
    if late:
        assert refused(made) is Code.REQUEST_EXPIRED
    else:
        made.accept()


def test_a_payment_is_dated_a_day_ahead_at_most() -> None:
    made = deal(expires=NOW + 5 * DAY, edit=lambda body: replace(body, time=NOW + 2 * DAY))
    made.accept(now=NOW + 2 * DAY - MAX_AHEAD)
    assert refused(made, now=NOW + 2 * DAY - MAX_AHEAD - 1) is Code.TIME_AHEAD


def test_token_and_certificate_are_good_by_the_payees_clock() -> None:
    made = deal()
    assert refused(made, now=NOW + 60 * DAY + 1) is Code.CERTIFICATE_EXPIRED
    assert refused(made, now=NOW + 90 * DAY + 1) is Code.TOKEN_EXPIRED


@pytest.mark.parametrize(
    ("limit", "code"),
    [("payment", Code.LIMIT_PAYMENT), ("total", Code.LIMIT_TOTAL)],
)
def test_the_lower_of_certificate_and_policy_limits_counts(limit: str, code: Code) -> None:
    payer = WORLD.person("Aigul", limits=replace(LIMITS, **{limit: AMOUNT}))
    deal(payer=payer).accept()
    made = deal(payer=WORLD.person("Aigul", limits=replace(LIMITS, **{limit: AMOUNT - 1})))
    assert refused(made) is code
    deal().accept(policy=policy(**{limit: AMOUNT}))
    assert refused(deal(), policy=policy(**{limit: AMOUNT - 1})) is code


def test_the_limit_of_a_payment_counts_all_its_transfers() -> None:
    two_transfers().accept(policy=policy(payment=900))
    assert refused(two_transfers(), policy=policy(payment=899)) is Code.LIMIT_PAYMENT


def test_the_running_total_counts_from_the_one_in_the_certificate() -> None:
    payer = WORLD.person("Aigul", total=7_000, limits=replace(LIMITS, total=AMOUNT + 500))
    payer.total = 7_500
    deal(payer=payer).accept()
    assert payer.total == 7_500 + AMOUNT
    payer = WORLD.person("Aigul", total=7_000, limits=replace(LIMITS, total=AMOUNT + 500))
    payer.total = 7_501
    assert refused(deal(payer=payer)) is Code.LIMIT_TOTAL
    payer = WORLD.person("Aigul", total=7_000)
    payer.total = 6_999
    assert refused(deal(payer=payer)) is Code.TOTAL_INCONSISTENT


def test_hops_and_days_are_limited() -> None:
    made = chain(3).deal()
    made.accept(policy=policy(hops=3))
    assert refused(made, policy=policy(hops=2)) is Code.LIMIT_HOPS
    # World's certificates are a day old.
    deal().accept(policy=policy(days=1))
    assert refused(deal(), policy=policy(days=1), now=NOW + 1) is Code.LIMIT_DAYS
    assert (
        refused(deal(edit=lambda body: replace(body, time=NOW + 1)), policy=policy(days=1)) is Code.LIMIT_DAYS
    )
    assert refused(deal(), policy=policy(days=0)) is Code.LIMIT_DAYS


def test_the_payees_own_balance_is_limited_by_certificate_and_policy() -> None:
    room = 50_000_000 - AMOUNT
    deal().accept(commitments=Commitments(held=room))
    deal().accept(commitments=Commitments(held=room - 5, requests=3, fundings=2))
    for more in ({"requests": 1}, {"fundings": 1}):
        assert refused(deal(), commitments=Commitments(held=room, **more)) is Code.LIMIT_BALANCE
    poor = WORLD.person("Baurzhan", bank="zhibek", limits=replace(LIMITS, balance=AMOUNT - 1))
    assert refused(deal(payee=poor)) is Code.LIMIT_BALANCE
    assert refused(deal(), policy=policy(balance=AMOUNT - 1)) is Code.LIMIT_BALANCE


@pytest.mark.parametrize("reason", list(Reason))
def test_a_revoked_payer_is_refused_for_any_reason(reason: Reason) -> None:
    expected = Code.REVOKED_CONFLICT if reason is Reason.CONFLICT else Code.REVOKED_COUNTERPART
    payer = WORLD.person("person 2")
    assert refused(chain(3).deal(), policy=revoked("person 2", reason)) is expected
    assert (
        refusal_of(lambda: check_counterpart(payer.certificate.body, revoked("person 2", reason))) is expected
    )
    check_counterpart(WORLD.person("person 1").certificate.body, revoked("person 2", reason))


@pytest.mark.parametrize("reason", list(Reason))
def test_a_wallet_of_the_same_id_at_another_bank_is_another_wallet(reason: Reason) -> None:
    """A bank can certify any id, and has nobody revoked by it but its own."""
    payer = WORLD.person("person 2").certificate.body
    namesake = WORLD.person("namesake", "zhibek", wallet=payer.wallet)
    assert (namesake.certificate.body.wallet, payer.bank) == (payer.wallet, "alatau")
    listed = WORLD.policy(delta(1, (namesake, reason)))
    chain(3).deal().accept(policy=listed)
    check_counterpart(payer, listed)
    code = Code.REVOKED_CONFLICT if reason is Reason.CONFLICT else Code.REVOKED_COUNTERPART
    assert refusal_of(lambda: check_counterpart(namesake.certificate.body, listed)) is code


@given(
    st.tuples(st.text(min_size=1, max_size=8), st.binary(min_size=16, max_size=16)),
    st.tuples(st.text(min_size=1, max_size=8), st.binary(min_size=16, max_size=16)),
)
def test_no_two_wallets_have_one_revocation_id(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    ids = {revocation_id(*one), revocation_id(*other), revocation_id(one[0], other[1])}
    assert len(ids) == len({one, other, (one[0], other[1])})


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_conflict_spoils_what_others_got_from_the_revoked(reason: Reason) -> None:
    made = chain(3).deal()
    if reason is Reason.CONFLICT:
        assert refused(made, policy=revoked("person 0", reason)) is Code.REVOKED_CONFLICT
    else:
        made.accept(policy=revoked("person 0", reason))


def test_no_token_is_consumed_twice_against_what_the_payee_knows() -> None:
    made = chain(2).deal()
    first, last = made.payment.transfers
    consumed = first.body.inputs[0]

    def knows(ref: TokenRef, by: bytes) -> Code | None:
        def consumer_of(asked: TokenRef) -> bytes | None:
            return by if asked == ref else None

        try:
            return refused(made, consumer_of=consumer_of)
        except AssertionError:
            return None

    assert knows(consumed, b"another") is Code.TOKEN_CONSUMED_TWICE
    assert knows(consumed, first.id) is None
    assert knows(last.body.inputs[0], b"another") is Code.TOKEN_CONSUMED_TWICE
    assert knows(TokenRef(last.id, 0), b"own spend") is Code.TOKEN_CONSUMED_TWICE
    assert knows(TokenRef(last.id, 1), b"the payer's next") is None


def test_what_is_received_can_be_passed_on_to_the_last_hop() -> None:
    long_chain_of_change(50).accept()
    assert refused(long_chain_of_change(51)) is Code.PROVENANCE_TOO_LONG


def test_the_lowest_hop_received_decides_how_far_a_payment_can_be_passed_on() -> None:
    """All of it goes on together at first, and its freshest part may change hands most often."""

    def together(changes: int) -> Verified:
        fresh, worn = long_chain_of_change(changes).payment, chain(15, WORLD).payment
        transfers = (*fresh.transfers[:-1], *worn.transfers[:-1], fresh.transfers[-1], worn.transfers[-1])
        issuances = (*fresh.issuances, *worn.issuances)
        both = Payment(2, transfers, issuances, (*fresh.certificates, *worn.certificates))
        return verify_payment(both, WORLD.directory())

    assert sorted(token.hop for token in together(1).received) == [1, 15]
    check_passable(together(35))
    assert refusal_of(lambda: check_passable(together(36))) is Code.PROVENANCE_TOO_LONG


def test_a_wallet_reconciles_within_its_days() -> None:
    body = WORLD.person("Aigul", issued=NOW).certificate.body
    limits = Limits(1, 1, 1, 1, 2)
    check_days(body, limits, NOW + 2 * DAY)
    assert refusal_of(lambda: check_days(body, limits, NOW + 2 * DAY + 1)) is Code.LIMIT_DAYS


def test_facts_show_both_times() -> None:
    with pytest.raises(Refusal) as refused_late:
        deal().accept(now=NOW + 61 * DAY)
    assert refused_late.value.facts == {"time": NOW + 61 * DAY, "expires": NOW + 60 * DAY}
