"""What the central bank decides reaches wallets that are not online: from the first payment on, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from ledger_sync.central_bank.terms import LIMITS
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.audit import Audit
from tests.support.deals import refusal_of
from tests.support.holders import Holder
from tests.support.system import System
from wallet.protocol.codes import Code

FUNDED = 2_000_000
SMALL = 50_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "policy") as system:
        yield system


def funded(world: System, name: str, bank: str) -> Holder:
    holder = world.holder(name, bank)
    holder.fund(FUNDED)
    return holder


def banks_follow(world: System) -> None:
    """They ask the central bank for what is new every now and then."""
    world.settle_down()
    world.now += 120
    world.network.work()


def lower_the_limit_of_a_payment(world: System, tiyn: int) -> None:
    world.network.restart(CENTRAL_BANK, terms={"limits": {**asdict(LIMITS), "payment": tiyn}})
    banks_follow(world)


def test_lower_limits_need_no_new_wallets_they_spread_with_payments(world: System) -> None:
    aliya, bolat = funded(world, "aliya", "alatau"), funded(world, "bolat", "zhibek")
    chen = world.holder("chen", "zhibek")
    lower_the_limit_of_a_payment(world, 100_000)
    aliya.sync()
    assert refusal_of(lambda: aliya.show(chen.wallet.receiving.request(100_001))) is Code.LIMIT_PAYMENT
    with world.network.offline():
        assert bolat.pay(chen, 150_000).code is None, "neither has heard of it"
        assert aliya.pay(bolat, SMALL).code is None
        assert refusal_of(lambda: bolat.show(chen.wallet.receiving.request(150_000))) is Code.LIMIT_PAYMENT
        assert bolat.pay(chen, SMALL).code is None
        assert refusal_of(lambda: chen.show(bolat.wallet.receiving.request(150_000))) is Code.LIMIT_PAYMENT
    audit = Audit(world)
    world.bring_together()
    audit.at_rest()


def test_a_payee_that_knows_refuses_what_a_payer_that_does_not_know_signs(world: System) -> None:
    aliya, bolat = funded(world, "aliya", "alatau"), world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(150_000)
    lower_the_limit_of_a_payment(world, 100_000)
    bolat.sync()
    with world.network.offline():
        payment, raw = aliya.show(request)
        received = bolat.wallet.receiving.receive(raw, request)
        assert received.code is Code.LIMIT_PAYMENT
        aliya.wallet.paying.acknowledge(payment, received.receipt)
    audit = Audit(world)
    world.bring_together()
    audit.at_rest()
    assert (aliya.held, bolat.held) == (FUNDED, 0)


def test_a_lost_device_pays_until_word_of_it_arrives_and_never_again(world: System) -> None:
    """The delay is the limitation: an offline shop that nobody has told accepts, and is paid."""
    lost, gulnar = funded(world, "lost", "alatau"), funded(world, "gulnar", "alatau")
    bread, tea = world.holder("bread", "zhibek", merchant=True), world.holder("tea", "alatau", merchant=True)
    lost.bank_client.report_loss()
    banks_follow(world)
    with world.network.offline():
        assert lost.pay(bread, SMALL).code is None, "bread has not heard of it"
    gulnar.sync()
    with world.network.offline():
        assert gulnar.pay(tea, SMALL).code is None
        assert paid_by_a_thief(lost, tea) is Code.REVOKED_COUNTERPART
        assert gulnar.pay(bread, SMALL).code is None
        assert paid_by_a_thief(lost, bread) is Code.REVOKED_COUNTERPART, "now it has"
    bread.sync()
    world.settle_down()
    bread.sync()
    assert bread.held == 2 * SMALL, "what bread took in good faith is its own"


def paid_by_a_thief(lost: Holder, shop: Holder) -> Code | None:
    """What a shop says to a payment from the lost device."""
    request = shop.wallet.receiving.request(SMALL)
    return shop.wallet.receiving.receive(lost.show(request)[1], request).code
