"""Banks put back from a backup, in one process: what they forgot, they hear from those who know it, and contradict
nothing of what they once said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ledger_sync.client.recalling import forgotten
from ledger_sync.sandbox.in_process import CENTRAL_BANK, Overhear
from tests.support.holders import Holder
from tests.support.put_back import BANK, OTHER_BANK, Backup, agree, all_ahead
from tests.support.system import OPENING, System
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.payment import parse_payment


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "put back") as system:
        yield system


def test_a_bank_put_back_delivers_what_it_had_delivered_and_what_it_had_not(
    system: System, tmp_path: Path
) -> None:
    """The payee has the one payment, and only its payer's wallet and bank have the other."""
    payee, payer = system.holder("payee", BANK), system.holder("payer", OTHER_BANK)
    payer.fund(50_000)
    payee.sync()
    backup = Backup(system, tmp_path)
    payer.pay(payee, 1_000)
    payee.sync()
    payer.pay_unseen(payee, 2_000)
    payer.sync()
    backup.put_back()
    assert payee.held == 1_000
    system.bring_together()
    assert payee.held == 3_000


def test_a_bank_put_back_to_a_wrong_time_is_told_what_was_passed_on_at_the_right_one(
    system: System, tmp_path: Path
) -> None:
    """All clocks were ahead for a while, together; the payee never saw the payment, and its payer has a verdict."""
    payee, payer = system.holder("payee", BANK), system.holder("payer", OTHER_BANK)
    payer.fund(50_000)
    with all_ahead(system):
        payee.fund(1_000)
        payee.defund(1_000)
        backup = Backup(system, tmp_path)
    payer.pay_unseen(payee, 7_000)
    payer.sync()
    backup.put_back()
    system.bring_together()
    assert payee.held == 7_000


def test_what_only_wallets_of_the_bank_know_comes_back_by_them(system: System, tmp_path: Path) -> None:
    """Payer and payee have their accounts there, and the payee never saw the payment."""
    payee, payer = system.holder("payee", BANK), system.holder("payer", BANK)
    payer.fund(50_000)
    backup = Backup(system, tmp_path)
    payer.pay_unseen(payee, 2_000)
    payer.sync()
    backup.put_back()
    payee.sync()
    assert payee.held == 0
    system.bring_together()
    assert payee.held == 2_000


def test_what_only_the_payer_knows_comes_back_though_others_show_its_last_two_again(
    system: System, tmp_path: Path
) -> None:
    """The payee is off all the while; the payer's later payments are the other bank's to pass on again."""
    payee, payer = system.holder("payee", BANK), system.holder("payer", BANK)
    shop = system.holder("shop", OTHER_BANK)
    for _ in range(3):
        payer.fund(10_000)
    system.bring_together("payer")
    backup = Backup(system, tmp_path)
    unseen = parse_payment(payer.pay_unseen(payee, 10_000)).newest[0].id
    payer.sync()
    payer.pay(shop, 10_000)
    payer.pay(shop, 10_000)
    shop.sync()
    payer.sync()
    payer.sync()
    backup.put_back()
    assert not forgotten(payer.wallet.reconciling, payer.bank_client), "it knows the last two"
    assert not system.rows(BANK, "select 1 from transfers where id = ?", unseen)
    system.bring_together("payer")
    system.bring_together()
    assert (payee.held, shop.held) == (10_000, 20_000)


def only_the_payer_knows(system: System, tmp_path: Path) -> tuple[Holder, Holder]:
    """The payee, who has never seen the 2,000 tiyn of a payment that the bank had settled and forgot, and the payer."""
    payee, payer = system.holder("payee", BANK), system.holder("payer", BANK)
    for amount in (50_000, 20_000, 10_000):
        payer.fund(amount)
    system.bring_together()
    backup = Backup(system, tmp_path)
    payer.pay_unseen(payee, 2_000)
    payer.sync()
    backup.put_back()
    return payee, payer


def test_what_only_the_payer_knows_comes_back_though_it_takes_money_out_first(
    system: System, tmp_path: Path
) -> None:
    payee, payer = only_the_payer_knows(system, tmp_path)
    payer.defund(10_000)
    payer.defund(20_000)
    system.bring_together()
    assert payee.held == 2_000


def test_a_wallet_that_is_cut_off_while_it_shows_all_again_goes_on_with_it(
    system: System, tmp_path: Path
) -> None:
    """Wherever the line is cut, the cursor does not move on before what is lacking has come."""
    payee, payer = only_the_payer_knows(system, tmp_path)
    for calls in range(12):
        with system.cut(calls), suppress(Refusal):
            payer.defund(10_000)
    payer.defund(10_000)
    system.bring_together()
    assert payee.held == 2_000


def test_money_that_moved_after_the_backup_is_where_it_was(system: System, tmp_path: Path) -> None:
    """One takes out, one brings in; the account that paid after the backup pays, the one that got has got."""
    out, into = system.holder("out", BANK), system.holder("into", BANK)
    out.fund(50_000)
    backup = Backup(system, tmp_path)
    out.defund(30_000)
    into.fund(20_000)
    system.bring_together()
    had = [(one.held, one.account_balance()) for one in (out, into)]
    backup.put_back()
    assert agree(system), "at once, whoever it belongs to"
    assert into.account_balance() == had[1][1]
    system.bring_together()
    assert [(one.held, one.account_balance()) for one in (out, into)] == had
    assert agree(system)
    assert not system.rows(BANK, "select * from unclaimed")


def test_nobody_spends_from_an_account_before_the_bank_knows_what_it_has_paid(
    system: System, tmp_path: Path
) -> None:
    owner = system.holder("owner", BANK, opening=50_000)
    backup = Backup(system, tmp_path)
    owner.fund(40_000)
    system.settle_down()
    with system.network.offline(CENTRAL_BANK):
        system.network.put_back(BANK, backup.folder)
    with pytest.raises(Refusal) as short:
        owner.fund(30_000)
    assert short.value.code is Code.ACCOUNT_SHORT


def test_keys_that_the_bank_forgot_are_certified_again_and_their_money_is_theirs(
    system: System, tmp_path: Path
) -> None:
    owner, other = system.holder("owner", BANK), system.holder("other", OTHER_BANK)
    other.fund(50_000)
    backup = Backup(system, tmp_path)
    system.now += 2 * DAY
    owner.sync()
    fresh = owner.wallet.reconciling.certificate
    owner.fund(10_000)
    other.pay(owner, 5_000)
    owner.sync()
    backup.put_back()
    assert fresh is not None
    assert not system.rows(BANK, "select 1 from wallets where key = ?", fresh.body.key)
    system.bring_together()
    assert owner.held == 15_000
    owner.defund(15_000)
    system.bring_together()
    assert owner.held == 0
    assert owner.account_balance() == OPENING + 5_000
    assert agree(system)


def test_a_bank_that_lost_nothing_is_shown_nothing_again(system: System, tmp_path: Path) -> None:
    payee, payer = system.holder("payee", BANK), system.holder("payer", OTHER_BANK)
    payer.fund(50_000)
    payer.pay(payee, 1_000)
    system.bring_together()
    heard = Overhear()
    with system.network.lines.disturbed(heard, caller="payee"):
        payee.sync()
    assert not [exchange for exchange in heard.heard if exchange.request.url.path == "/v1/uploads"]


def test_how_often_a_bank_may_ask_for_all_again_is_bounded(system: System) -> None:
    bank = system.network.line(OTHER_BANK, BANK, system.network.signer(OTHER_BANK, "bank"))
    answered = 0
    with suppress(Refusal):
        while answered < 100:
            bank.post("/v1/relays/again", [0])
            answered += 1
    assert 0 < answered < 10
    system.now += 3_700
    bank.post("/v1/relays/again", [0])
