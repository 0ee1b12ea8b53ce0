"""Purses that were lost or put back, in a whole world in one process: they are whole again, pay nothing twice and
refuse nothing that they had spent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scenes import funded, refused, together
from tests.support.audit import Audit
from tests.support.system import OPENING, System
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.protocol.payment import parse_payment
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "scenes") as system:
        yield system


@pytest.fixture
def audit(world: System) -> Audit:
    return Audit(world)


def test_an_old_purse_under_a_new_record_waits_until_the_ledger_knows_all(
    world: System, audit: Audit
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    old = aliya.snapshot()
    with world.network.offline():
        aliya.pay(bolat, 600_000)
    aliya.restore(old)
    assert aliya.wallet.state is PurseState.ROLLED_BACK
    request = bolat.wallet.receiving.request(100_000)
    assert refused(lambda: aliya.show(request)).code is Code.ROLLBACK
    aliya.sync()
    assert aliya.wallet.state is PurseState.ROLLED_BACK, "the ledger does not know the payment yet"
    bolat.sync()
    world.settle_down()
    aliya.sync()
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 1_400_000
    together(world, audit)
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_a_lost_purse_is_filled_again_from_the_ledger(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), funded(world, "bolat", "zhibek", 1_000_000)
    aliya.pay(bolat, 600_000)
    together(world, audit)
    bolat.pay(aliya, 50_000)
    bolat.sync()
    world.settle_down()
    aliya.lose_purse()
    assert aliya.wallet.state is PurseState.ROLLED_BACK
    together(world, audit)
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 1_450_000
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_the_same_payment_bytes_from_a_restored_payer_are_a_repeat(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    raw = aliya.pay_unseen(bolat, 300_000)
    old = aliya.snapshot()
    aliya.sync()
    aliya.restore(old)
    (pending,) = aliya.wallet.paying.pending()
    assert aliya.wallet.paying.show_again(pending.id) == raw
    assert len(parse_payment(raw).newest) == 1
    together(world, audit)
    assert bolat.held == 300_000


def test_what_was_refused_stays_refused_when_the_purse_is_lost(world: System, audit: Audit) -> None:
    aliya, chen = (
        funded(world, "aliya", "alatau", 2_000_000),
        funded(world, "chen", "alatau", 2_000_000),
    )
    bolat = world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    bolat.wallet.receiving.receive(chen.show(request)[1], request)
    payment, raw = aliya.show(request)
    refusal = bolat.wallet.receiving.receive(raw, request)
    assert refusal.code is Code.REQUEST_ANSWERED
    together(world, audit)
    bolat.lose_purse()
    together(world, audit)
    again = bolat.wallet.receiving.receive(raw, request)
    assert again.code is not None, "what was given back is not accepted later"
    assert aliya.wallet.paying.acknowledge(payment, again.receipt) is PaymentState.REFUSED
    together(world, audit)
    assert (aliya.held, bolat.held) == (2_000_000, 1_500_000)


def test_a_refusal_that_brings_nothing_back_is_no_longer_on_the_way(world: System, audit: Audit) -> None:
    cheat = funded(world, "cheat", "alatau", 1_000_000)
    aliya, bolat = world.holder("aliya", "alatau"), world.holder("bolat", "zhibek")
    chen, dana = funded(world, "chen", "alatau", 1_000_000), world.holder("dana", "zhibek")
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    copy.pay(aliya, 1_000_000)
    request = bolat.wallet.receiving.request(1_000_000)
    bolat.wallet.receiving.receive(chen.show(request)[1], request)
    payment, raw = aliya.show(request)
    refusal = bolat.wallet.receiving.receive(raw, request)
    assert aliya.wallet.paying.acknowledge(payment, refusal.receipt) is PaymentState.REFUSED
    assert aliya.wallet.balance().redeeming == 1_000_000
    cheat.pay(dana, 1_000_000)
    dana.sync()
    world.settle_down()
    together(world, audit)
    assert (aliya.held, aliya.wallet.balance().redeeming) == (0, 0)
    assert not aliya.wallet.reconciling.exchanging.open()


def test_a_recovering_purse_refuses_nothing_and_gets_the_payment_from_the_ledger(
    world: System, audit: Audit
) -> None:
    """It does not know yet what it has had and paid: a refusal could contradict that."""
    bolat, aliya = funded(world, "bolat", "zhibek", 1_000_000), funded(world, "aliya", "alatau", 1_000_000)
    erlan = world.holder("erlan", "alatau")
    bolat.pay(aliya, 1_000)
    erlan_request = erlan.wallet.receiving.request(10_000)
    _, unseen = bolat.show(erlan_request)
    request = bolat.wallet.receiving.request(50_000)
    aliya.sync()
    world.settle_down()
    bolat.lose_purse()
    bolat.sync()
    _, raw = aliya.show(request)
    assert refused(lambda: bolat.wallet.receiving.receive(raw)).code is Code.ROLLBACK
    bolat.sync()
    erlan.wallet.receiving.receive(unseen, erlan_request)
    together(world, audit)
    assert (bolat.held, bolat.wallet.state) == (1_000_000 - 1_000 - 10_000 + 50_000, PurseState.SOUND)


def test_a_purse_rolled_back_for_good_can_be_used_again_after_expiry_and_grace(
    world: System, audit: Audit
) -> None:
    """What it signed is lost with both purses; the money comes back by refund, and then nothing is left to wait for."""
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    old, before = aliya.snapshot(), bolat.snapshot()
    aliya.pay(bolat, 600_000)
    aliya.restore(old)
    bolat.restore(before)
    together(world, audit)
    assert aliya.wallet.state is PurseState.ROLLED_BACK
    for _ in range(3):
        world.now += 41 * DAY
        world.settle_down()
        together(world, audit)
    assert aliya.account_balance() == OPENING
    assert aliya.wallet.state is PurseState.SOUND
    aliya.fund(500_000)
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_a_number_that_was_dropped_does_not_keep_a_lost_purse_waiting(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), funded(world, "bolat", "zhibek", 1_000_000)
    chen = funded(world, "chen", "zhibek", 1_000_000)
    intent = aliya.wallet.paying.reserve(bolat.wallet.receiving.request(100_000))
    request = aliya.wallet.receiving.request(50_000)
    assert aliya.wallet.receiving.receive(chen.show(request)[1], request).code is None
    payment, raw = bolat.show(request)
    refusal = aliya.wallet.receiving.receive(raw, request)
    assert refusal.code is Code.REQUEST_ANSWERED
    bolat.wallet.paying.acknowledge(payment, refusal.receipt)
    aliya.wallet.paying.drop(intent)
    aliya.lose_purse()
    together(world, audit)
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 2_050_000


def test_a_purse_lost_after_its_first_key_was_destroyed_knows_what_that_key_signed(
    world: System, audit: Audit
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    aliya.pay(bolat, 600_000)
    (first,) = (key for key in aliya.keystore.aliases() if key != "device")
    together(world, audit)
    for _ in range(4):
        world.now += 28 * DAY
        together(world, audit)
    assert first not in aliya.keystore.aliases(), "no longer needed by anybody"
    aliya.lose_purse()
    together(world, audit)
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 1_400_000
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_a_request_whose_payment_was_forgotten_is_not_paid_again(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    before = aliya.snapshot()
    received = bolat.wallet.receiving.receive(aliya.show(request)[1], request)
    aliya.restore(before)
    bolat.sync()
    world.settle_down()
    aliya.sync()
    paying = aliya.wallet.paying
    assert paying.consider(request).prior is PaymentState.SHOWN
    found = paying.of_receipt(received.receipt)
    assert paying.reserve(request) == found
    assert paying.acknowledge(found, received.receipt) is PaymentState.ACKNOWLEDGED
    together(world, audit)
    assert (aliya.held, bolat.held) == (500_000, 1_500_000)
