"""A bank put back from a backup, and what its customers' wallets bring it meanwhile: nothing stays forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ledger_sync.client.recalling import forgotten
from ledger_sync.sandbox.in_process import Exchange
from tests.support.holders import Holder
from tests.support.put_back import BANK, OTHER_BANK, Backup, agree
from tests.support.system import OPENING, System
from wallet.protocol.bounds import DAY


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "put back") as system:
        yield system


def is_whole(owner: Holder, brought: int) -> bool:
    """Whether the owner has all, and the bank nothing of it."""
    system = owner.system
    assert not system.rows(BANK, "select * from unclaimed")
    return owner.held + owner.account_balance() == OPENING + brought and agree(system)


@pytest.mark.parametrize("taken", [1, 50_000])
def test_money_taken_out_that_the_bank_forgot_is_the_owners_though_more_is_taken_out_before_they_reconcile(
    system: System, tmp_path: Path, taken: int
) -> None:
    """What comes before the second defunding has two verdicts. Of the first the change is left, and waits for it; or
    nothing descends from it, so that nothing does."""
    owner, friend = system.holder("owner", BANK), system.holder("friend", OTHER_BANK)
    owner.fund(50_000)
    friend.fund(50_000)
    backup = Backup(system, tmp_path)
    owner.defund(taken)
    backup.put_back()
    friend.pay(owner, 1)
    owner.defund(1)
    system.bring_together()
    assert is_whole(owner, 1)


class PutBackAt:
    """The bank is put back just before a wallet's call number ``call``."""

    def __init__(self, backup: Backup, call: int) -> None:
        self._backup, self._left = backup, call

    @property
    def was(self) -> bool:
        return self._left < 0

    def __call__(self, exchange: Exchange) -> httpx.Response:
        self._left -= 1
        if self._left == -1:
            self._backup.put_back()
        return exchange.deliver()


@pytest.mark.parametrize("is_defunding", [False, True])
def test_a_bank_put_back_while_a_wallet_reconciles_or_takes_money_out_has_forgotten_nothing(
    system: System, tmp_path: Path, is_defunding: bool
) -> None:
    """At whichever call: what was answered before it is forgotten, and redemptions that are brought after it are the
    last two with a verdict. Of the payment only the payer knows."""
    owner = system.holder("owner", BANK)
    system.holder("payee", BANK)
    while owner.held < 35_000:
        owner.fund(1_000)
    system.settle_down()
    call, was = 0, True
    while was:
        with system.copy(tmp_path / f"at {call}", f"at {call}") as world:
            owner, payee = world.holders["owner"], world.holders["payee"]
            at = PutBackAt(Backup(world, tmp_path / f"disk {call}"), call)
            world.now += 2 * DAY
            owner.pay_unseen(payee, 1_000)
            with world.network.lines.disturbed(at, caller="owner"):
                if is_defunding:
                    owner.defund(34_000)
                else:
                    owner.sync()
            world.bring_together()
            assert payee.held == 1_000, call
            assert is_whole(owner, -1_000), call
        call, was = call + 1, at.was
    assert call > 5


def test_what_waits_for_what_the_bank_forgot_long_ago_waits_no_more(system: System, tmp_path: Path) -> None:
    """A version before this one brought more before it had noticed."""
    owner, friend = system.holder("owner", BANK), system.holder("friend", OTHER_BANK)
    owner.fund(50_000)
    friend.fund(50_000)
    backup = Backup(system, tmp_path)
    owner.defund(1)
    backup.put_back()
    for _ in range(3):
        friend.pay(owner, 1)
    purse = owner.wallet.reconciling
    purse.answer(owner.bank_client.upload(purse.uploads.next()))
    purse.reconciled(purse.recalling.place)
    purse.exchanging.begin_refresh()
    purse.answer(owner.bank_client.upload(purse.uploads.next()))
    purse.reconciled(purse.recalling.place)
    assert purse.uploads.next().transfers, "the change of what was forgotten waits"
    system.bring_together()
    assert is_whole(owner, 3)


def test_a_key_that_the_bank_forgot_is_known_again_though_no_verdict_was_forgotten(
    system: System, tmp_path: Path
) -> None:
    """All that came for the key is a funding."""
    owner = system.holder("owner", BANK)
    backup = Backup(system, tmp_path)
    system.now += 2 * DAY
    owner.sync()
    owner.fund(50_000)
    system.bring_together()
    backup.put_back()
    assert not forgotten(owner.wallet.reconciling, owner.bank_client)
    system.bring_together()
    assert is_whole(owner, 0)


def test_a_bank_put_back_in_the_second_in_which_it_started_gives_no_number_again(
    system: System, tmp_path: Path
) -> None:
    """A customer who has read up to a number would be told nothing of what is listed under it now."""
    for name in ("owner", "one", "other"):
        system.holder(name, BANK).fund(50_000)
    for turn in range(4):
        with system.copy(tmp_path / f"turn {turn}", f"turn {turn}") as world:
            listed = [numbers_of_a_payment(world, "one")]
            backup = Backup(world, tmp_path / f"disk {turn}")
            listed.append(numbers_of_a_payment(world, "one"))
            backup.put_back()
            listed.append(numbers_of_a_payment(world, "other"))
            assert all(listed), turn
            assert not listed[1] & listed[2], turn


def numbers_of_a_payment(world: System, payer: str) -> set[int]:
    """Those under which the bank lists for the owner what this brings: nobody else knows of it."""
    owner = world.holders["owner"]

    def numbers() -> set[int]:
        rows = world.rows(BANK, "select number from deliveries where customer = ?", owner.account)
        return {number for (number,) in rows}

    before = numbers()
    world.holders[payer].pay_unseen(owner, 1)
    world.holders[payer].sync()
    world.network.work()
    return numbers() - before
