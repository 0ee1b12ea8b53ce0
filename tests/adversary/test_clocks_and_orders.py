"""Clocks wrong by a year, uploads in every order, the same money shown again: sums come out and nobody is blamed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from tests.sampling import sampled
from tests.support.audit import Audit
from tests.support.deals import refusal_of
from tests.support.holders import Holder
from tests.support.system import OPENING, System
from tests.support.world import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.purse.store.payments import PaymentState

YEAR = 365 * DAY
FUNDED = 2_000_000
PAID = 500_000
BY_TIME = {Code.CERTIFICATE_EXPIRED, Code.TOKEN_EXPIRED, Code.LIMIT_DAYS, Code.REQUEST_EXPIRED}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "clocks") as system:
        yield system


@pytest.fixture
def audit(world: System) -> Audit:
    return Audit(world)


@pytest.fixture
def pair(world: System) -> tuple[Holder, Holder]:
    aliya, bolat = world.holder("aliya", "alatau"), world.holder("bolat", "zhibek")
    aliya.fund(FUNDED)
    return aliya, bolat


def at_rest(world: System, audit: Audit) -> None:
    for holder in world.holders.values():
        holder.ahead = 0
    world.bring_together()
    audit.at_rest()
    assert not any(holder.wallet.evidence() for holder in world.holders.values())


# clocks


def test_a_payer_a_year_ahead_is_told_and_pays_once_its_clock_is_right(
    world: System, audit: Audit, pair: tuple[Holder, Holder]
) -> None:
    aliya, bolat = pair
    request = bolat.wallet.receiving.request(PAID)
    aliya.ahead = YEAR
    with pytest.raises(Refusal) as caught:
        aliya.show(request)
    assert caught.value.code in BY_TIME
    assert {"time"} < set(caught.value.facts), "both times are shown"
    aliya.ahead = 0
    aliya.restart()
    assert aliya.pay(bolat, PAID).code is None
    at_rest(world, audit)
    assert (aliya.held, bolat.held) == (FUNDED - PAID, PAID)


@pytest.mark.parametrize("who", ["payer", "payee", "both"])
def test_a_clock_a_year_behind_changes_nothing(
    world: System, audit: Audit, pair: tuple[Holder, Holder], who: str
) -> None:
    """Signed times are a floor under it."""
    aliya, bolat = pair
    for holder, role in ((aliya, "payer"), (bolat, "payee")):
        if who in (role, "both"):
            holder.ahead = -YEAR
            holder.restart()
            assert holder.wallet.now() >= world.now - DAY
    assert aliya.pay(bolat, PAID).code is None
    at_rest(world, audit)
    assert (aliya.held, bolat.held) == (FUNDED - PAID, PAID)


def test_a_payee_a_year_ahead_asks_for_nothing(
    world: System, audit: Audit, pair: tuple[Holder, Holder]
) -> None:
    aliya, bolat = pair
    bolat.ahead = YEAR
    assert refusal_of(lambda: bolat.wallet.receiving.request(PAID)) in BY_TIME
    at_rest(world, audit)
    assert aliya.held == FUNDED


def test_a_payee_whose_clock_jumps_meanwhile_gives_the_money_back(
    world: System, audit: Audit, pair: tuple[Holder, Holder]
) -> None:
    aliya, bolat = pair
    request = bolat.wallet.receiving.request(PAID)
    payment, raw = aliya.show(request)
    bolat.ahead = YEAR
    received = bolat.wallet.receiving.receive(raw, request)
    assert received.code in BY_TIME
    assert aliya.wallet.paying.acknowledge(payment, received.receipt) is PaymentState.REFUSED
    at_rest(world, audit)
    assert (aliya.held, bolat.held) == (FUNDED, 0)


@pytest.mark.parametrize("ahead", [YEAR, -YEAR])
def test_reconciling_works_with_a_wrong_clock_and_takes_no_time_from_it(
    world: System, audit: Audit, pair: tuple[Holder, Holder], ahead: int
) -> None:
    aliya, bolat = pair
    aliya.pay(bolat, PAID)
    for holder in pair:
        holder.ahead = ahead
        holder.try_sync()
    world.settle_down()
    for holder in pair:
        holder.ahead = 0
        assert abs(holder.wallet.now() - world.now) < DAY
    at_rest(world, audit)
    assert (aliya.held, bolat.held) == (FUNDED - PAID, PAID)


# orders


def chain(world: System, names: list[str]) -> None:
    people = [world.holder(name, ("alatau", "zhibek")[place % 2]) for place, name in enumerate(names)]
    people[0].fund(FUNDED)
    with world.network.offline():
        for place, (payer, payee) in enumerate(pairwise(people)):
            assert payer.pay(payee, FUNDED - (place + 1) * 100_000).code is None


NAMES = ["aliya", "bolat", "chen", "dana"]


@pytest.mark.parametrize("order", sampled("orders of a chain", list(permutations(NAMES)), 5), ids="-".join)
def test_a_chain_comes_out_alike_in_whatever_order_it_is_uploaded(
    world: System, audit: Audit, order: tuple[str, ...]
) -> None:
    chain(world, NAMES)
    for name in order:
        world.holders[name].sync()
        assert world.holders[name].held >= 0
        audit.moment()
    world.bring_together(*order)
    audit.at_rest()
    assert [world.holders[name].held for name in NAMES] == [100_000, 100_000, 100_000, FUNDED - 300_000]


@pytest.mark.parametrize("silent", NAMES[:-1])
def test_whoever_never_uploads_keeps_nobody_else_from_their_money(
    world: System, audit: Audit, silent: str
) -> None:
    chain(world, NAMES)
    for name in NAMES:
        if name != silent:
            world.holders[name].sync()
            world.settle_down()
    last = world.holders["dana"]
    last.sync()
    last.defund(FUNDED - 300_000)
    assert last.account_balance() == OPENING + FUNDED - 300_000
    audit.moment()


# the same again


def test_the_same_payment_to_the_same_payee_again_accuses_nobody_when_it_is_passed_on(
    world: System, audit: Audit, pair: tuple[Holder, Holder]
) -> None:
    aliya, bolat = pair
    chen = world.holder("chen", "alatau")
    request = bolat.wallet.receiving.request(PAID)
    payment, raw = aliya.show(request)
    first = bolat.wallet.receiving.receive(raw, request)
    again = bolat.wallet.receiving.receive(aliya.wallet.paying.show_again(payment), request)
    assert (again.receipt, again.repeat_of) == (first.receipt, world.now)
    assert bolat.pay(chen, PAID).code is None
    late = bolat.wallet.receiving.receive(raw, request)
    assert (late.repeat_of, bolat.held) == (world.now, 0)
    at_rest(world, audit)
    assert (aliya.held, bolat.held, chen.held) == (FUNDED - PAID, 0, PAID)
