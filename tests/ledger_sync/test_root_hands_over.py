"""The whole house when the root hands over: banks, notary, wallets of before and after, and money that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK
from ledger_sync.service.policy_cache import DIRECTORY_SECONDS
from tests.support.system import System
from tests.support.world import DAY


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "hands over") as system:
        yield system


def test_money_goes_on_for_those_of_before_and_those_who_come_with_the_old_root(system: System) -> None:
    aigul = system.holder("aigul", "alatau")
    aigul.fund(100_000)
    (root,) = system.operate(CENTRAL_BANK, "/v1/handovers", [2])
    assert root != system.root
    system.now += DIRECTORY_SECONDS + 1
    system.settle_down()
    late = system.holder("late", "zhibek")
    assert late.wallet.root() == root
    assert aigul.wallet.root() == system.root
    aigul.pay(late, 30_000)
    system.now += 2 * DAY
    system.bring_together()
    assert aigul.wallet.root() == root
    assert aigul.wallet.balance().spendable == 70_000
    assert late.wallet.balance().spendable == 30_000
    (third,) = system.operate(CENTRAL_BANK, "/v1/handovers", [3])
    system.now += 2 * DAY
    system.settle_down()
    system.bring_together()
    assert {holder.wallet.root() for holder in system.holders.values()} == {third}
    late.pay(aigul, 10_000)
    system.bring_together()
    assert aigul.wallet.balance().spendable == 80_000
