"""The central bank put back from a backup, alone or together with a bank: its books are whole again, no token is made
twice, and whoever has its tokens is paid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, cut, named
from tests.ledger_sync.bank.inside import store_of
from tests.support.holders import Holder
from tests.support.put_back import BANK, OTHER_BANK, Backup, agree, all_ahead
from tests.support.system import OPENING, System
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Code, Refusal


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "put back") as system:
        yield system


def sums(system: System) -> list[object]:
    issued, redeemed, outstanding, positions = system.operate(CENTRAL_BANK, "/v1/books")
    assert issued - redeemed == outstanding + sum(held for _, held in positions)
    return [issued, redeemed, outstanding, positions]


def test_a_central_bank_put_back_has_its_books_again(system: System, tmp_path: Path) -> None:
    """Money went out, came back to an account, was renewed; all of it after the backup."""
    owner, other = system.holder("owner", BANK), system.holder("other", OTHER_BANK)
    owner.fund(50_000)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    owner.fund(20_000)
    owner.pay(other, 5_000)
    system.bring_together()
    owner.defund(30_000)
    system.bring_together()
    before = sums(system)
    had = [(one.held, one.account_balance()) for one in (owner, other)]
    backup.put_back()
    assert sums(system) == before
    system.bring_together()
    assert [(one.held, one.account_balance()) for one in (owner, other)] == had
    assert agree(system)
    owner.fund(1_000)
    owner.pay(other, 2_000)
    system.bring_together()
    other.defund(7_000)
    system.bring_together()
    assert agree(system)


def test_a_central_bank_put_back_to_a_wrong_time_hears_what_it_did_at_the_right_one(
    system: System, tmp_path: Path
) -> None:
    """All clocks were ahead for a while, together, and it moved money then."""
    owner, other = system.holder("owner", BANK), system.holder("other", OTHER_BANK)
    with all_ahead(system):
        system.operate(CENTRAL_BANK, "/v1/issues", [named("more"), BANK, 70_000])
        backup = Backup(system, tmp_path, CENTRAL_BANK)
    owner.fund(20_000)
    other.fund(30_000)
    before = sums(system)
    backup.put_back()
    assert sums(system) == before
    owner.defund(20_000)
    other.defund(30_000)
    system.bring_together()
    assert (owner.account_balance(), other.account_balance()) == (OPENING, OPENING)
    assert agree(system)


def test_nothing_moves_before_every_bank_was_heard_or_the_operator_goes_on(
    system: System, tmp_path: Path
) -> None:
    owner = system.holder("owner", BANK)
    owner.fund(50_000)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    with system.network.offline(OTHER_BANK):
        system.network.put_back(CENTRAL_BANK, backup.folder)
        with pytest.raises(Refusal) as busy:
            owner.fund(1_000)
        assert busy.value.code in (Code.BUSY, Code.UNREACHABLE)
        assert system.operate(CENTRAL_BANK, "/v1/witnesses/absent", [OTHER_BANK]) == []
        owner.fund(1_000)
    assert owner.held == 51_000


def test_a_redemption_that_was_worth_nothing_holds_up_no_funding_after_a_start(system: System) -> None:
    """A bank that learns so from the notary asks nobody, so that the central bank has forgotten nothing."""
    cheat, shop, honest = (
        system.holder("cheat", BANK),
        system.holder("shop", OTHER_BANK),
        system.holder("honest", BANK),
    )
    cheat.fund(50_000)
    copied = cheat.clone(cheat.snapshot(), "copied")
    cheat.pay(shop, 50_000)
    with system.network.lines.disturbed(cut, caller=BANK, callee=NOTARY):
        copied.defund(50_000)
        shop.sync()
    system.bring_together()
    assert system.rows(BANK, "select settled, done from redemptions where settled = 0") == [(0, 1)]
    system.network.restart(CENTRAL_BANK)
    system.settle_down()
    honest.fund(1_000)
    assert honest.held == 1_000


def test_orders_that_the_operator_gives_again_count_once(system: System, tmp_path: Path) -> None:
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    order = [named("more"), BANK, 70_000]
    system.operate(CENTRAL_BANK, "/v1/issues", order)
    system.settle_down()
    backup.put_back()
    system.operate(CENTRAL_BANK, "/v1/issues", order)
    system.settle_down()
    assert agree(system)


def positions(system: System) -> dict[str, int]:
    return dict(system.operate(CENTRAL_BANK, "/v1/books")[3])


def put_back_without(system: System, backup: Backup, bank: str) -> None:
    """The central bank, which never hears what it did for ``bank``: that is away, or says nothing."""
    with system.network.offline(bank):
        system.network.put_back(CENTRAL_BANK, backup.folder)
        assert system.operate(CENTRAL_BANK, "/v1/witnesses/absent", [bank]) == []
    system.settle_down()


@pytest.mark.parametrize("is_renewed", [False, True])
def test_what_a_bank_keeps_silent_about_it_pays_when_the_tokens_come_back(
    system: System, tmp_path: Path, is_renewed: bool
) -> None:
    """And nobody else: whoever comes last with tokens is paid, also where another bank had them made new."""
    honest, cheat = system.holder("honest", BANK), system.holder("cheat", OTHER_BANK)
    honest.fund(50_000)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    cheat.fund(50_000)
    cheat.pay(honest, 50_000)
    system.bring_together()
    if is_renewed:
        system.now += 2 * DAY
        system.bring_together()
    before = positions(system)
    put_back_without(system, backup, OTHER_BANK)
    honest.defund(100_000)
    system.bring_together()
    assert honest.account_balance() == OPENING + 50_000
    assert positions(system) == {BANK: before[BANK] + 100_000, OTHER_BANK: before[OTHER_BANK]}
    assert sums(system)[2] == 0
    assert agree(system)


def test_a_position_that_has_less_is_overdrawn_and_nobody_waits_for_it(
    system: System, tmp_path: Path
) -> None:
    honest, cheat = system.holder("honest", BANK), system.holder("cheat", OTHER_BANK)
    held = positions(system)[OTHER_BANK]
    system.operate(CENTRAL_BANK, "/v1/withdrawals", [named("nearly all"), OTHER_BANK, held - 20_000])
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    order = [named("more"), OTHER_BANK, 30_000]
    system.operate(CENTRAL_BANK, "/v1/issues", order)
    cheat.fund(50_000)
    cheat.pay(honest, 50_000)
    system.bring_together()
    put_back_without(system, backup, OTHER_BANK)
    honest.defund(50_000)
    system.bring_together()
    assert honest.account_balance() == OPENING + 50_000
    assert positions(system)[OTHER_BANK] == -30_000
    assert sums(system)[2] == 0
    with pytest.raises(Refusal) as short:
        cheat.fund(1_000)
    assert short.value.code is Code.POSITION_SHORT
    system.operate(CENTRAL_BANK, "/v1/issues", order)
    system.operate(CENTRAL_BANK, "/v1/issues", [named("still more"), OTHER_BANK, 1_000])
    cheat.fund(1_000)
    assert positions(system)[OTHER_BANK] == 0


def test_tokens_made_new_and_forgotten_are_not_made_new_twice(system: System, tmp_path: Path) -> None:
    owner = system.holder("owner", OTHER_BANK)
    owner.fund(50_000)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    system.now += 2 * DAY
    system.bring_together()
    made = "select txid, issuance from redemptions"
    (once,) = system.rows(CENTRAL_BANK, made)
    put_back_without(system, backup, OTHER_BANK)
    assert system.rows(CENTRAL_BANK, made) == []
    system.now += DAY
    system.network.banks[OTHER_BANK].node.caused.ask_again([("redemption", once[0])], 0)
    system.settle_down()
    assert system.rows(CENTRAL_BANK, made) == [once]
    owner.defund(50_000)
    system.bring_together()
    assert owner.account_balance() == OPENING
    assert sums(system)[2] == 0


def renewed(system: System, tmp_path: Path) -> tuple[Holder, Backup, bytes]:
    """Someone at the other bank whose tokens were made new after a backup, and the redemption that did."""
    owner = system.holder("owner", OTHER_BANK)
    owner.fund(50_000)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    system.now += 2 * DAY
    system.bring_together()
    ((redemption,),) = system.rows(CENTRAL_BANK, "select txid from redemptions")
    return owner, backup, redemption


def test_what_was_taken_for_tokens_that_a_redemption_gave_goes_back(system: System, tmp_path: Path) -> None:
    """They come back before the redemption is proved again; their bank knows of it, and proves it."""
    owner, backup, _redemption = renewed(system, tmp_path)
    before = positions(system)
    put_back_without(system, backup, OTHER_BANK)
    owner.defund(50_000)
    system.bring_together()
    assert owner.account_balance() == OPENING
    assert positions(system)[OTHER_BANK] == before[OTHER_BANK] + 50_000
    assert agree(system, OTHER_BANK)
    assert sums(system)[2] == 0
    assert system.rows(CENTRAL_BANK, "select * from charged") == []


def taken_for_a_funding(system: System, tmp_path: Path) -> tuple[Holder, bytes]:
    """A customer who has taken out tokens that a forgotten redemption gave, and paid for them a second time, as its
    bank does not know by which redemption they came to be; and that redemption."""
    owner, backup, redemption = renewed(system, tmp_path)
    put_back_without(system, backup, OTHER_BANK)
    store = store_of(system.network.banks[OTHER_BANK].node)
    store.run("update redemptions set issuance = null where transfer = ?", (redemption,))
    owner.defund(50_000)
    system.bring_together()
    return owner, redemption


def test_what_a_customer_paid_for_tokens_that_a_redemption_gave_goes_back(
    system: System, tmp_path: Path
) -> None:
    """Its bank has forgotten by which redemption they came to be, takes them for a funding, and learns of it later."""
    owner, redemption = taken_for_a_funding(system, tmp_path)
    assert owner.account_balance() == OPENING - 50_000
    assert agree(system, OTHER_BANK)
    system.network.banks[OTHER_BANK].node.caused.ask_again([("redemption", redemption)], 0)
    system.settle_down()
    system.now += DAY
    system.settle_down()
    assert owner.account_balance() == OPENING
    assert agree(system, OTHER_BANK)
    assert sums(system)[2] == 0


def test_what_goes_back_for_tokens_that_a_redemption_gave_goes_back_once(
    system: System, tmp_path: Path
) -> None:
    """The central bank is put back again, to between taking the money and giving it back."""
    owner, redemption = taken_for_a_funding(system, tmp_path)
    between = Backup(system, tmp_path / "between", CENTRAL_BANK)
    system.network.banks[OTHER_BANK].node.caused.ask_again([("redemption", redemption)], 0)
    system.settle_down()
    before = positions(system)
    for _ in range(2):
        between.put_back()
        system.network.banks[OTHER_BANK].node.caused.ask_again([("redemption", redemption)], 0)
        system.settle_down()
        assert positions(system) == before
        assert agree(system, OTHER_BANK)
    assert owner.account_balance() == OPENING
    assert sums(system)[2] == 0


@pytest.mark.parametrize("is_bank_first", [False, True])
def test_central_bank_and_bank_put_back_together_take_again_what_became_tokens(
    system: System, tmp_path: Path, is_bank_first: bool
) -> None:
    """To before a funding, of a key that the bank has forgotten too: the account has the money again, and the wallet
    the tokens. Where the bank was first, it has heard of the funding, and the central bank then forgets it."""
    owner, other = system.holder("owner", BANK), system.holder("other", OTHER_BANK)
    other.fund(20_000)
    before = positions(system)
    own, central = Backup(system, tmp_path), Backup(system, tmp_path, CENTRAL_BANK)
    system.now += 2 * DAY
    owner.sync()
    owner.fund(50_000)
    owner.pay(other, 10_000)
    system.bring_together("other")
    if is_bank_first:
        own.put_back()
        central.put_back()
    else:
        system.network.stop(BANK)
        system.network.put_back(CENTRAL_BANK, central.folder)
        own.put_back()
    assert owner.account_balance() == OPENING
    system.bring_together()
    owner.defund(40_000)
    other.defund(30_000)
    system.bring_together()
    assert owner.account_balance() == OPENING - 10_000
    assert other.account_balance() == OPENING + 10_000
    assert positions(system) == {BANK: before[BANK] - 10_000, OTHER_BANK: before[OTHER_BANK] + 30_000}
    assert sums(system)[2] == 0
    assert agree(system)


def test_central_bank_and_bank_put_back_to_before_tokens_were_made_new_lose_nothing(
    system: System, tmp_path: Path
) -> None:
    owner = system.holder("owner", BANK)
    owner.fund(50_000)
    own, central = Backup(system, tmp_path), Backup(system, tmp_path, CENTRAL_BANK)
    system.now += 2 * DAY
    system.bring_together()
    system.network.stop(BANK)
    system.network.put_back(CENTRAL_BANK, central.folder)
    own.put_back()
    owner.defund(50_000)
    system.bring_together()
    assert (owner.held, owner.account_balance()) == (0, OPENING)
    assert sums(system)[2] == 0
    assert agree(system)


def test_money_that_an_order_brought_and_that_became_tokens_is_no_hindrance(
    system: System, tmp_path: Path
) -> None:
    """The order is forgotten, and has to be given again; what it paid for is told by the bank before."""
    owner = system.holder("owner", BANK)
    held = positions(system)[BANK]
    system.operate(CENTRAL_BANK, "/v1/withdrawals", [named("nearly all"), BANK, held - 1_000])
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    order = [named("more"), BANK, 70_000]
    system.operate(CENTRAL_BANK, "/v1/issues", order)
    owner.fund(60_000)
    backup.put_back()
    system.operate(CENTRAL_BANK, "/v1/issues", order)
    system.settle_down()
    assert positions(system)[BANK] == 11_000
    owner.defund(60_000)
    system.bring_together()
    assert owner.account_balance() == OPENING
    assert agree(system)


def test_a_bank_that_was_left_out_misses_none_of_what_moves_afterwards(
    system: System, tmp_path: Path
) -> None:
    """It has followed more than the central bank remembers, and nobody has said how much; and that more than once after
    one backup. Heard again, it says so."""
    orders = [[named(f"order {number}"), OTHER_BANK, 1_000 + number] for number in range(3)]
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    for order in orders:
        system.operate(CENTRAL_BANK, "/v1/issues", order)
    system.operate(CENTRAL_BANK, "/v1/issues", [named("the last"), BANK, 70_000])
    system.settle_down()
    for turn in ("left out", "left out again", "heard"):
        system.now += 60
        if turn == "heard":
            backup.put_back()
        else:
            put_back_without(system, backup, OTHER_BANK)
        orders.insert(0, [named(turn), OTHER_BANK, 5_000])
        for order in orders:
            system.operate(CENTRAL_BANK, "/v1/issues", order)
        system.settle_down()
        assert agree(system, OTHER_BANK), turn
