"""Banks put back from a backup, and devices copied: of a conflict the same is said as before, whoever brings which
half again, and the wallets that it shows to have cheated are named, also those that the bank has forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.client.recalling import certify_again
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.holders import Holder
from tests.support.put_back import BANK, OTHER_BANK, Backup
from tests.support.system import System
from wallet.protocol.bounds import DAY
from wallet.protocol.certificate import revocation_id
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict

_MONEY = 50_000


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "put back") as system:
        yield system


def copied(holder: Holder) -> Holder:
    return holder.clone(holder.snapshot(), f"copy of {holder.name}")


def paid(payer: Holder, payee: Holder) -> bytes:
    """All that the payer has; the transfer's id."""
    before = set(payer.signed)
    payer.pay(payee, _MONEY)
    (txid,) = set(payer.signed) - before
    return txid


def verdict(system: System, bank: str, txid: bytes) -> Verdict | None:
    rows = system.rows(bank, "select verdict from settlements where transfer = ?", txid)
    return Verdict(rows[0][0]) if rows else None


def revoked(system: System) -> dict[bytes, Reason]:
    rows = system.rows(CENTRAL_BANK, "select id, reason from revocations")
    return {name: Reason(reason) for name, reason in rows}


def test_who_was_told_of_a_conflict_shows_what_proves_it(system: System, tmp_path: Path) -> None:
    """The shop that lost comes alone; nobody brings the payment that won."""
    cheat, first, second = (system.holder(name, BANK) for name in ("cheat", "first", "second"))
    cheat.fund(_MONEY)
    copy = copied(cheat)
    backup = Backup(system, tmp_path)
    won, lost = paid(cheat, first), paid(copy, second)
    first.sync()
    second.sync()
    assert verdict(system, BANK, lost) is Verdict.CONFLICT
    backup.put_back()
    assert verdict(system, BANK, lost) is None
    second.sync()
    assert (verdict(system, BANK, won), verdict(system, BANK, lost)) == (Verdict.SETTLED, Verdict.CONFLICT)


def test_what_the_bank_had_passed_on_it_asks_back(system: System, tmp_path: Path) -> None:
    """The other bank got the payment that won from this one, and so does not pass it on to it."""
    cheat, second = system.holder("cheat", BANK), system.holder("second", BANK)
    first = system.holder("first", OTHER_BANK)
    cheat.fund(_MONEY)
    copy = copied(cheat)
    backup = Backup(system, tmp_path)
    paid(cheat, first)
    lost = paid(copy, second)
    cheat.sync()
    backup.put_back()
    second.sync()
    system.settle_down()
    assert verdict(system, BANK, lost) is Verdict.CONFLICT


def test_a_wallet_that_the_bank_forgot_to_have_revoked_gets_no_certificate_and_no_money(
    system: System, tmp_path: Path
) -> None:
    """The policy has it, before anybody comes who can prove it again."""
    cheat, first, second = (system.holder(name, BANK) for name in ("cheat", "first", "second"))
    cheat.fund(_MONEY)
    copy = copied(cheat)
    backup = Backup(system, tmp_path)
    paid(cheat, first)
    paid(copy, second)
    first.sync()
    second.sync()
    system.now += DAY
    backup.put_back()
    assert not system.rows(BANK, "select 1 from revocations")
    for call in (cheat.sync, lambda: cheat.fund(_MONEY)):
        with pytest.raises(Refusal) as refused:
            call()
        assert refused.value.code is Code.WALLET_REVOKED
    assert not system.rows(BANK, "select 1 from revocations"), "nobody has shown anything yet"


def test_a_certificate_that_the_bank_forgot_names_its_wallet_again(system: System, tmp_path: Path) -> None:
    """A merchant's key is certified anew each day; what was signed under one that the bank forgot is brought to it."""
    cheat = system.holder("cheat", BANK, merchant=True)
    shops = [system.holder(name, OTHER_BANK) for name in ("first", "second")]
    cheat.fund(_MONEY)
    backup = Backup(system, tmp_path)
    system.now += 2 * DAY
    cheat.sync()
    fresh = cheat.wallet.reconciling.certificate
    assert fresh is not None
    copy = copied(cheat)
    backup.put_back()
    assert not system.rows(BANK, "select 1 from wallets where wallet = ?", fresh.body.wallet)
    paid(cheat, shops[0])
    paid(copy, shops[1])
    for shop in shops:
        shop.sync()
    system.settle_down()
    name = revocation_id(BANK, fresh.body.wallet)
    assert revoked(system).get(name) is Reason.CONFLICT


def test_a_key_that_the_bank_forgot_is_named_once_it_is_certified_again(
    system: System, tmp_path: Path
) -> None:
    """Both payments come while the bank does not know whose key that is."""
    cheat = system.holder("cheat", BANK)
    shops = [system.holder(name, BANK) for name in ("first", "second")]
    backup = Backup(system, tmp_path)
    system.now += 2 * DAY
    cheat.sync()
    cheat.fund(_MONEY)
    fresh = cheat.wallet.reconciling.certificate
    assert fresh is not None
    copy = copied(cheat)
    paid(cheat, shops[0])
    paid(copy, shops[1])
    backup.put_back()
    for shop in shops:
        shop.sync()
    system.settle_down()
    assert not system.rows(BANK, "select 1 from wallets where key = ?", fresh.body.key)
    certify_again(cheat.wallet.reconciling, cheat.bank_client)
    system.settle_down()
    name = revocation_id(BANK, fresh.body.wallet)
    assert revoked(system).get(name) is Reason.CONFLICT


def test_what_a_shop_took_first_stands_though_it_can_prove_a_conflict_before_it_syncs(system: System) -> None:
    """It takes one payment of a copied device, refuses the other, and shows the ledger both, its refusal and the proof:
    the one that came first is committed first, whatever their names."""
    shop = system.holder("shop", BANK)
    for number in range(6):
        cheat = system.holder(f"cheat {number}", BANK)
        cheat.fund(_MONEY)
        copy = copied(cheat)
        request = shop.wallet.receiving.request(_MONEY)
        first = cheat.show(request)[1]
        system.now += 1
        second = copy.show(request)[1]
        assert shop.wallet.receiving.receive(first, request).code is None
        assert shop.wallet.receiving.receive(second, request).code is Code.REQUEST_ANSWERED
        shop.sync()
        assert shop.held == _MONEY * (number + 1)


def test_a_redemption_that_was_paid_was_shown_though_its_bank_forgot_it(
    system: System, tmp_path: Path
) -> None:
    """The cheat took its money to its account and comes no more; the shop has the same money from its copy. The bank
    has nothing to show any more, and owes nobody for that: the central bank had its proof."""
    cheat, shop = system.holder("cheat", BANK), system.holder("shop", BANK)
    cheat.fund(_MONEY)
    copy = copied(cheat)
    backup = Backup(system, tmp_path)
    cheat.defund(_MONEY)
    system.settle_down()
    lost = paid(copy, shop)
    backup.put_back()
    shop.sync()
    system.now += DAY
    system.settle_down()
    assert verdict(system, BANK, lost) is Verdict.CONFLICT
    assert not system.rows(BANK, "select 1 from compensations")
    assert list(revoked(system).values()) == [Reason.CONFLICT]
    shown = system.rows(CENTRAL_BANK, "select distinct consumer from asked where shown is not null")
    assert [verdict(system, BANK, consumer) for (consumer,) in shown] == [Verdict.SETTLED]
