"""A bank put back from a backup is challenged for a payment that only its own customers still have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.holders import Holder
from tests.support.system import BANKS, System
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Refusal

BANK, OTHER_BANK = BANKS
AMOUNT = 50_000
_HOUR = 3_600


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "forgotten payload") as system:
        yield system


def work(system: System, rounds: int = 6) -> None:
    """Rounds of everybody's workers; what waits for a challenge to end goes on waiting."""
    for _ in range(rounds):
        system.now += 33
        system.network.work()


def challenged(system: System, tmp_path: Path, shop_bank: str) -> tuple[Holder, Holder]:
    """Friend and shop, who were paid with the same token; the bank has forgotten that it was the friend's first, and
    the shop has come."""
    cheat, friend = system.holder("cheat", BANK), system.holder("friend", BANK)
    shop = system.holder("shop", shop_bank)
    cheat.fund(AMOUNT)
    system.bring_together()
    system.network.back_up(BANK, tmp_path / "backup")
    clone = cheat.clone(cheat.snapshot(), "clone")
    cheat.pay(friend, AMOUNT)
    friend.sync()
    system.settle_down()
    clone.pay(shop, AMOUNT)
    system.network.put_back(BANK, tmp_path / "backup")
    work(system)
    shop.sync()
    work(system)
    assert system.rows(CENTRAL_BANK, "select 1 from asked where shown is null"), "it is asked for"
    return friend, shop


def owed(system: System) -> list[tuple[int, str]]:
    """What a bank owes for a transfer that it did not show: tiyn, and which bank."""
    return system.rows(CENTRAL_BANK, "select value, defaulter from claims")


@pytest.mark.parametrize("shop_bank", BANKS)
def test_a_bank_put_back_owes_nothing_for_what_its_customer_shows_an_hour_later(
    system: System, tmp_path: Path, shop_bank: str
) -> None:
    friend, shop = challenged(system, tmp_path, shop_bank)
    assert not owed(system)
    system.now += _HOUR
    friend.sync()
    for _ in range(3):
        system.now += _HOUR
        work(system)
    shop.sync()
    assert shop.wallet.evidence(), "whoever paid twice is named"
    system.now += DAY
    work(system)
    system.bring_together()
    assert not owed(system)
    assert (friend.held, shop.held) == (AMOUNT, 0)


def test_a_bank_that_starts_again_and_again_owes_after_the_day_all_the_same(
    system: System, tmp_path: Path
) -> None:
    """Nobody ever shows it again."""
    challenged(system, tmp_path, OTHER_BANK)
    for _ in range(23):
        system.now += _HOUR
        system.network.restart(BANK)
        with suppress(Refusal):
            work(system, 1)
    assert not owed(system)
    for _ in range(4):
        system.now += _HOUR
        system.network.restart(BANK)
        with suppress(Refusal):
            work(system, 1)
    assert owed(system) == [(AMOUNT, BANK)]
