"""Compensations that a central bank, put back from a backup, has forgotten and pays again: each bank's books are its
position, on both sides of a claim, and nobody is paid more than the loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, cut
from tests.ledger_sync.bank.network import GRANT, OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_compensations import half_lost
from tests.ledger_sync.bank.test_conflicts import double_spend
from tests.ledger_sync.bank.test_late import forge_commit
from wallet.protocol.bounds import DAY


def withdraw_all_but(net: LedgerNetwork, left: int) -> None:
    """Of the position of the bank that is to pay."""
    net.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "zhibek", GRANT - left])


def issue(net: LedgerNetwork, name: bytes, amount: int) -> None:
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [name * 16, "zhibek", amount])
    net.settle_down()


def test_what_was_paid_once_and_forgotten_is_booked_once_by_who_pays_it_again(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    """And again."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = half_lost(net, aigul, baurzhan)
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    baurzhan.upload(paid)
    net.settle_down()
    for _ in range(2):
        assert net.books("zhibek")[:2] == [GRANT - 50_000, GRANT - 50_000]
        assert (aigul.balance(), baurzhan.balance()) == (OPENING - 60_000, OPENING + 40_000)
        net.check_books()
        net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
        net.settle_down()


def test_what_was_paid_in_parts_may_come_again_in_others(net: LedgerNetwork, tmp_path: Path) -> None:
    """Whatever the payer's position has at each moment; its books go back with it, and on."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = half_lost(net, aigul, baurzhan)
    withdraw_all_but(net, 0)
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    baurzhan.upload(paid)
    for name, amount in ((b"a", 30_000), (b"b", 15_000)):
        issue(net, name, amount)
    net.settle_down(2)
    assert net.books("zhibek")[:2] == [0, 0]
    net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    net.settle_down()
    for name, amount in ((b"c", 10_000), (b"d", 25_000), (b"e", 5_000)):
        issue(net, name, amount)
        position, own, *_ = net.books("zhibek")
        assert position == own
    # what the operator had ordered before, under the same names, counts once and pays no more than is owed
    for name, amount in ((b"a", 30_000), (b"b", 15_000)):
        issue(net, name, amount)
    net.settle_down(2)
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 60_000, OPENING + 40_000)
    net.check_books()


@pytest.mark.parametrize("is_bank_first", [False, True])
def test_what_the_payee_had_forgotten_too_is_held_once(
    net: LedgerNetwork, tmp_path: Path, is_bank_first: bool
) -> None:
    """The central bank goes on paying by itself what it knows to be owed; the bank that is paid knows nothing of it."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    net.network.back_up("alatau", tmp_path / "backup of alatau")
    paid = half_lost(net, aigul, baurzhan)
    withdraw_all_but(net, 0)
    baurzhan.upload(paid)
    net.settle_down()
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup of central")
    issue(net, b"a", 45_000)
    put_back = [("alatau", tmp_path / "backup of alatau"), (CENTRAL_BANK, tmp_path / "backup of central")]
    for name, backup in put_back if is_bank_first else put_back[::-1]:
        net.network.put_back(name, backup)
        net.settle_down()
    issue(net, b"a", 45_000)
    position, own, accounts, *_ = net.books("alatau")
    assert position == own + sum(held for _, held in accounts)
    assert position == dict(net.central_books()[3])["alatau"]


def test_what_was_paid_for_a_lost_refund_and_forgotten_is_booked_once(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    aigul = net.customer("Aigul")
    forge_commit(net, "zhibek", aigul.fund(500_000)[0].ref)
    net.settle_down()
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    net.now += 121 * DAY
    net.settle_down()
    before = net.central_books()
    net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    net.settle_down()
    assert net.central_books() == before
    assert aigul.balance() == OPENING
    net.check_books()


def test_nothing_is_paid_before_every_bank_was_heard(net: LedgerNetwork, tmp_path: Path) -> None:
    """Not what is owed either: it would be numbered as what the banks have followed already."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = half_lost(net, aigul, baurzhan)
    withdraw_all_but(net, 0)
    baurzhan.upload(paid)
    net.settle_down()
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "zhibek", 30_000])
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    before = net.central_books()
    net.settle_down()
    assert net.central_books() != before
    with net.network.lines.disturbed(cut, caller=CENTRAL_BANK, callee="zhibek"):
        net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
        net.settle_down()
        assert net.central_books() == before
    net.settle_down()
    assert net.central_books() != before
    position, own, *_ = net.books("zhibek")
    assert position == own == 0


def test_who_has_paid_for_what_it_can_show_by_now_pays_again_when_that_was_forgotten(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    """What it could not show when it was asked has been brought to it since; what it paid has long been paid out."""
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2", "zhibek")
    lost, hidden = double_spend(net, cheat, one, other)
    forge_commit(net, "zhibek", lost.body.inputs[0], hidden.id)
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    one.upload(lost)
    net.settle_down()
    balance = one.balance()
    assert balance > OPENING
    other.upload(hidden)
    net.settle_down()
    net.check_books()
    before = net.central_books()
    net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    net.settle_down(8)
    assert one.balance() == balance
    net.check_books()
    assert net.central_books() == before
