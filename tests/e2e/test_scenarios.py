"""What happens to money, scene by scene, in a whole world in one process: two banks, central bank, notary, purses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.scenes import funded, refused, together
from tests.support.audit import Audit
from tests.support.system import OPENING, System
from tests.support.world import DAY
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.codes import Code
from wallet.purse.store.payments import PaymentState


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "scenes") as system:
        yield system


@pytest.fixture
def audit(world: System) -> Audit:
    return Audit(world)


def test_money_goes_from_hand_to_hand_offline_and_comes_home_at_another_bank(
    world: System, audit: Audit
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 5_000_000), world.holder("bolat", "zhibek")
    chen = world.holder("chen", "zhibek", merchant=True)
    with world.network.offline():
        assert aliya.pay(bolat, 1_234_500).code is None
        assert bolat.pay(chen, 1_000_000).code is None
        assert (aliya.held, bolat.held, chen.held) == (3_765_500, 234_500, 1_000_000)
    chen.sync()
    chen.defund(1_000_000)
    assert chen.account_balance() == OPENING + 1_000_000
    together(world, audit)
    assert (aliya.held, bolat.held, chen.held) == (3_765_500, 234_500, 0)
    assert bolat.wallet.balance().unsettled == 0


@pytest.mark.parametrize("order", [("aliya", "bolat"), ("bolat", "aliya")])
def test_a_payment_its_payee_never_saw_is_found_at_the_other_bank(
    world: System, audit: Audit, order: tuple[str, ...]
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 5_000_000), world.holder("bolat", "zhibek")
    raw = aliya.pay_unseen(bolat, 1_200_000)
    for name in order:
        world.holders[name].sync()
    world.settle_down()
    bolat.sync()
    assert bolat.held == 1_200_000
    received = bolat.wallet.receiving.receive(raw)
    assert (received.code, received.repeat_of is not None) == (None, True), "shown later it is a repeat"
    assert bolat.held == 1_200_000
    together(world, audit)


def test_showing_uploading_and_reconciling_again_changes_nothing(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 5_000_000), world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(700_000)
    payment, raw = aliya.show(request)
    first = bolat.wallet.receiving.receive(raw, request)
    for _ in range(2):
        again = bolat.wallet.receiving.receive(aliya.wallet.paying.show_again(payment), request)
        assert again.receipt == first.receipt
        assert again.repeat_of == world.now
        aliya.wallet.paying.acknowledge(payment, again.receipt)
    assert bolat.held == 700_000
    for _ in range(3):
        together(world, audit)
        assert (aliya.held, bolat.held) == (4_300_000, 700_000)


# a token copied and spent twice


@pytest.mark.parametrize("uploader", ["aliya", "bolat"])
def test_a_refused_payment_comes_back_whoever_uploads_it(world: System, audit: Audit, uploader: str) -> None:
    aliya, chen = funded(world, "aliya", "alatau", 2_000_000), funded(world, "chen", "alatau", 2_000_000)
    bolat = world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    with world.network.offline():
        first, second = chen.show(request), aliya.show(request)
        bolat.wallet.receiving.receive(first[1], request)
        received = bolat.wallet.receiving.receive(second[1], request)
        assert received.code is Code.REQUEST_ANSWERED
        assert aliya.wallet.paying.acknowledge(second[0], received.receipt) is PaymentState.REFUSED
        assert (aliya.held, bolat.held) == (500_000, 1_500_000)
        assert aliya.wallet.balance().redeeming == 1_500_000
    world.holders[uploader].sync()
    world.settle_down()
    aliya.sync()
    assert aliya.held == 2_000_000
    together(world, audit)
    assert (aliya.held, bolat.held, chen.held) == (2_000_000, 1_500_000, 500_000)


def test_a_refusal_whose_receipt_was_lost_is_learnt_from_the_ledger(world: System, audit: Audit) -> None:
    """History had the payment as settled, and the money that came back as a funding that nobody had asked for."""
    aliya, chen = funded(world, "aliya", "alatau", 2_000_000), funded(world, "chen", "alatau", 2_000_000)
    bolat = world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    with world.network.offline():
        bolat.wallet.receiving.receive(chen.show(request)[1], request)
        payment, raw = aliya.show(request)
        received = bolat.wallet.receiving.receive(raw, request)
    together(world, audit)
    assert aliya.held == 2_000_000
    kinds = {event.kind: (event.state, event.change) for event in aliya.wallet.history()}
    assert kinds == {"funded": ("done", 2_000_000), "paid": ("refused", 0)}
    assert aliya.wallet.paying.acknowledge(payment, received.receipt) is PaymentState.REFUSED
    assert aliya.wallet.paying.summary(payment).code is Code.REQUEST_ANSWERED
    together(world, audit)


def test_a_printed_code_is_paid_by_many_and_twice_only_on_purpose(world: System, audit: Audit) -> None:
    shop = world.holder("shop", "zhibek", merchant=True)
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), funded(world, "bolat", "zhibek", 2_000_000)
    code = shop.wallet.receiving.request(1_000_000, is_open=True, printed=True, valid_for=20 * DAY)
    with world.network.offline():
        _, first = aliya.show(code, 300_000)
        assert refused(lambda: aliya.show(code, 300_000)).code is Code.ALREADY_PAID, (
            "show again, or pay anew?"
        )
        _, anew = aliya.show(code, 300_000, anew=True)
        _, other = bolat.show(code, 450_000)
        for raw in (first, anew, other, first):
            assert shop.wallet.receiving.receive(raw).code is None
        assert shop.held == 1_050_000
    together(world, audit)
    shop.sync()
    _, later = bolat.show(code, 100_000, anew=True)
    assert shop.wallet.receiving.receive(later).code is None, "the code outlives a reconciling"
    together(world, audit)
    assert shop.held == 1_150_000


# the far ends of a token's life


def test_money_at_hop_15_goes_no_further_and_can_be_redeemed(world: System, audit: Audit) -> None:
    people = [world.holder(f"holder {n}", ("alatau", "zhibek")[n % 2]) for n in range(MAX_HOP + 2)]
    people[0].fund(10_000)
    with world.network.offline():
        for payer, payee in pairwise(people[: MAX_HOP + 1]):
            assert payer.pay(payee, 10_000).code is None
        last, beyond = people[MAX_HOP], people[MAX_HOP + 1]
        request = beyond.wallet.receiving.request(10_000)
        assert refused(lambda: last.show(request)).code is Code.HOPS_USED_UP
    world.settle_down()
    last.defund(10_000)
    assert (last.held, last.account_balance()) == (0, OPENING + 10_000)
    together(world, audit)


def test_what_is_lost_with_a_device_comes_back_after_expiry_and_grace(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    aliya.pay(bolat, 500_000)
    bolat.sync()
    world.settle_down()
    world.now += 121 * DAY
    world.settle_down()
    assert world.rows("alatau", "select balance from accounts where id = ?", aliya.account) == [
        (OPENING - 500_000,)
    ]
    assert world.rows("zhibek", "select balance from accounts where id = ?", bolat.account) == [
        (OPENING + 500_000,)
    ]
    together(world, audit)
    assert (aliya.held, bolat.held) == (0, 0)


def test_who_comes_after_the_refund_is_too_late_and_nobody_is_blamed(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    aliya.pay(bolat, 2_000_000)
    world.now += 121 * DAY
    world.settle_down()
    assert world.rows("alatau", "select balance from accounts where id = ?", aliya.account) == [(OPENING,)]
    together(world, audit)
    assert bolat.held == 0
    assert not bolat.wallet.evidence()


# purses lost and put back


def test_a_funding_nobody_heard_of_does_not_keep_a_wallet_from_reconciling(
    world: System, audit: Audit
) -> None:
    aliya, bolat = world.holder("aliya", "alatau"), funded(world, "bolat", "zhibek", 1_000_000)
    aliya.wallet.reconciling.fundings.begin(200_000)
    world.now += 65 * DAY
    world.settle_down()
    aliya.sync()
    bolat.sync()
    assert bolat.pay(aliya, 100_000).code is None
    together(world, audit)
    assert (aliya.held, aliya.account_balance()) == (100_000, OPENING)
