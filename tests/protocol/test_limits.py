"""Limits and lifetimes: each rule at its edge, the same for everyone who asks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import DAY, LIMITS, NOW, World
from wallet.protocol import lifetime, limits
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.codes import Code
from wallet.protocol.limits import Commitments

SIGNER = World().person("Aigul").certificate.body
TIMES = st.integers(0, 2**32 - 1)


def test_the_lower_of_certificate_and_policy_counts_one_by_one() -> None:
    signer = replace(SIGNER, limits=replace(LIMITS, payment=5, hops=9))
    held = limits.effective(signer, replace(LIMITS, payment=9, hops=3))
    assert (held.payment, held.hops, held.total) == (5, 3, LIMITS.total)
    assert limits.effective(signer, None) == signer.limits


@given(st.tuples(*[st.integers(0, 50)] * 4), st.integers(0, 200))
def test_the_balance_limit_counts_one_sum(parts: tuple[int, int, int, int], limit: int) -> None:
    held, requests, fundings, coming = parts
    counted = Commitments(held=held, requests=requests, fundings=fundings)
    most = replace(LIMITS, balance=limit)
    if sum(parts) <= limit:
        limits.check_balance(most, counted, coming)
    else:
        assert refusal_of(lambda: limits.check_balance(most, counted, coming)) is Code.LIMIT_BALANCE


@pytest.mark.parametrize(("hops", "hop", "left"), [(15, 0, 15), (15, 15, 0), (3, 2, 1), (3, 5, 0), (0, 0, 0)])
def test_hops_left_never_pass_the_last_hop(hops: int, hop: int, left: int) -> None:
    assert limits.hops_left(replace(LIMITS, hops=hops), hop) == left <= MAX_HOP


def test_what_is_left_of_the_total_counts_from_the_certificate() -> None:
    signer, most = replace(SIGNER, total=7_000), replace(LIMITS, total=500)
    assert [limits.total_left(signer, most, total) for total in (7_000, 7_499, 7_600)] == [500, 1, 0]


def test_the_last_day_is_whole() -> None:
    signer, most = replace(SIGNER, issued=NOW), replace(LIMITS, days=2)
    assert limits.last_day(signer, most) == NOW + 2 * DAY
    limits.check_days(signer, most, NOW + 2 * DAY)
    assert refusal_of(lambda: limits.check_days(signer, most, NOW + 2 * DAY + 1)) is Code.LIMIT_DAYS


@given(TIMES, st.integers(0, 400 * DAY), TIMES)
def test_every_moment_is_for_redeeming_or_for_the_refund_and_none_for_both(
    expires: int, grace: int, now: int
) -> None:
    is_redeemable = lifetime.is_redeemable(expires, grace, now)
    assert is_redeemable != lifetime.is_refundable(expires, grace, now)
    assert is_redeemable == (now <= lifetime.redeem_until(expires, grace))
    assert is_redeemable != (expires < lifetime.refundable_before(now, grace))
    assert is_redeemable != lifetime.is_over([expires], grace, now)
    if lifetime.is_good(now, expires):
        assert is_redeemable


@given(TIMES, st.integers(0, 800 * DAY), st.integers(0, 400 * DAY))
def test_a_revocation_stands_while_a_token_of_its_wallet_can_be_redeemed(
    expires: int, life: int, grace: int
) -> None:
    last_token = expires + life
    until = lifetime.listed_until(expires, life, grace)
    assert lifetime.is_redeemable(last_token, grace, until)
    assert lifetime.is_refundable(last_token, grace, until + 1)
