"""Limits as far as a bank sees them: what is held together, what the policy said, what is refreshed for others."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ledger_sync import client as online
from ledger_sync.central_bank.terms import LIMITS
from ledger_sync.possession import possession_message
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import reasons, verdict
from tests.support.deals import refusal_of
from tests.support.system import System
from tests.support.world import DAY, Key, Person
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Refresh

RICH = 60_000_000
PERSON = 50_000_000
"""What a person may hold."""


def fund_refused(customer: Customer, *amounts: int) -> Code:
    return refusal_of(lambda: customer.fund(*amounts))


def test_fundings_count_together_until_the_ledger_sees_them_spent(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul", opening=RICH), net.customer("Shop", opening=0)
    tokens = aigul.fund(10_000_000, 20_000_000)
    aigul.certify()
    aigul.fund(PERSON - 30_000_000)
    assert fund_refused(aigul, 1) is Code.LIMIT_BALANCE
    paid = net.pay(aigul.epochs[0], tokens[:1], shop, 9_000_000)
    assert fund_refused(aigul, 1) is Code.LIMIT_BALANCE
    net.down.add("notary")
    aigul.upload(paid)
    aigul.fund(4_000_000)
    net.down.clear()
    net.settle_down()
    assert fund_refused(aigul, 5_000_001) is Code.LIMIT_BALANCE
    aigul.fund(5_000_000)
    net.settle_down()
    net.check_books()


def test_an_open_funding_counts(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul", opening=RICH)
    net.down.add(CENTRAL_BANK)
    assert fund_refused(aigul, 30_000_000) is Code.UNREACHABLE
    assert fund_refused(aigul, PERSON - 30_000_000 + 1) is Code.LIMIT_BALANCE
    net.down.clear()
    net.settle_down()
    assert fund_refused(aigul, PERSON - 30_000_000 + 1) is Code.LIMIT_BALANCE
    aigul.fund(PERSON - 30_000_000)
    net.check_books()


def test_each_purse_has_a_limit_of_its_own_and_what_is_over_counts_no_more(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul", opening=RICH)
    (old,) = aigul.fund(PERSON)
    (code,) = net.order("alatau", "POST", "/v1/devices", [net.random(16), aigul.account])
    second = replace(aigul, name="Aigul's tablet", device=type(aigul.device).of("tablet"), epochs=[])
    net.enrol(second, code)
    second.certify()
    second.fund(1_000_000)
    net.now = old.expires + 31 * DAY
    net.banks["alatau"].trust.refresh()
    aigul.certify()
    aigul.fund(1_000_000)


def lower(net: LedgerNetwork, **limits: int) -> None:
    """The central bank lowers its limits; the banks hear of it."""
    net.start_central(limits={**asdict(LIMITS), **limits})
    for bank in net.banks.values():
        bank.trust.refresh()
    net.settle_down(1)


def pay(net: LedgerNetwork, payer: Customer, amount: int, **changes: Any) -> None:
    shop = net.customer(f"Shop {amount} of {payer.name}", "zhibek")
    transfer = net.pay(payer, payer.fund(amount), shop, amount, edit=lambda body: replace(body, **changes))
    (row,) = shop.upload(transfer)
    assert verdict(row) is Verdict.SETTLED
    net.settle_down()


def test_a_payer_is_judged_by_the_policy_that_its_bank_gave_it_before(net: LedgerNetwork) -> None:
    knew_not, knew = net.customer("Aigul"), net.customer("Dauren")
    lower(net, payment=100_000)
    pay(net, knew_not, 100_001, time=net.now + DAY)
    assert reasons(net, knew_not) == {None}
    knew.certify()
    pay(net, knew, 100_000)
    assert reasons(net, knew) == {None}
    pay(net, knew, 100_001)
    assert reasons(net, knew) == {Reason.LIMITS}


def test_a_policy_that_was_kinder_later_may_have_been_heard_of(net: LedgerNetwork) -> None:
    payer, late = net.customer("Aigul"), net.customer("Dauren")
    lower(net, payment=100_000)
    payer.certify()
    lower(net, payment=200_000)
    lower(net, payment=50_000)
    late.certify()
    pay(net, payer, 200_000)
    assert reasons(net, payer) == {None}
    pay(net, payer, 200_001)
    assert reasons(net, payer) == {Reason.LIMITS}
    pay(net, late, 50_001)
    assert reasons(net, late) == {Reason.LIMITS}


def test_a_policy_that_came_while_a_key_was_certified_may_have_been_heard_of(net: LedgerNetwork) -> None:
    """The call had read the one before, and is the last to note what it gave."""
    payer, node = net.customer("Aigul"), net.banks["alatau"].node
    lower(net, payment=50_000)
    given = node.context.trust.policy.head.limits
    lower(net, payment=200_000)
    key = Key.of("Aigul in between")
    proof = key.sign(possession_message(payer.bank, payer.device.public))
    certificate = node.certification.certify(
        payer.account, payer.device.public, key.public, 0, proof, policy=given
    )
    payer.epochs.append(Person(key, certificate))
    pay(net, payer, 200_000)
    assert reasons(net, payer) == {None}
    pay(net, payer, 200_001)
    assert reasons(net, payer) == {Reason.LIMITS}


def test_a_refresh_for_somebody_else_counts_as_a_payment(net: LedgerNetwork) -> None:
    """At hop 0, without a request and outside the running total, it would pass every limit."""
    mate = net.customer("Mate", "zhibek")
    for name, amounts, expected in (
        ("Aigul", (20_000_000,), None),
        ("Dauren", (20_000_001,), Reason.LIMITS),
    ):
        payer = net.customer(name, opening=30_000_000)
        transfer = net.redeem(payer, payer.fund(*amounts), sum(amounts), Refresh(mate.key, amounts))
        (row,) = payer.upload(transfer)
        assert verdict(row) is Verdict.SETTLED
        net.settle_down()
        assert reasons(net, payer) == {expected}, name
    net.check_books()


def test_refreshes_for_others_count_together_and_those_of_an_own_older_key_not_at_all(
    net: LedgerNetwork,
) -> None:
    mate, payer = net.customer("Mate"), net.customer("Aigul", opening=RICH)
    first = payer.fund(40_000_000)
    payer.certify()
    (row,) = payer.upload(net.redeem(payer.epochs[0], first, 40_000_000, Refresh(payer.key, (40_000_000,))))
    assert row.issuance is not None
    assert reasons(net, payer) == {None}
    lower(net, total=9_000_000)
    payer.certify()
    for token, expected in zip(payer.fund(5_000_000, 4_000_000, 1), (None, None, Reason.LIMITS), strict=True):
        payer.upload(net.redeem(payer, [token], token.amount, Refresh(mate.key, (token.amount,))))
        net.settle_down()
        assert reasons(net, payer) == {expected}
    net.check_books()


def test_refreshes_for_others_that_settle_together_count_together(net: LedgerNetwork) -> None:
    mate = net.customer("Mate", "zhibek")
    lower(net, total=9_000_000)
    for name, amounts, expected in (
        ("Aigul", (5_000_000, 4_000_000), None),
        ("Dauren", (5_000_000, 4_000_001), Reason.LIMITS),
    ):
        payer = net.customer(name)
        tokens = payer.fund(*amounts)
        rows = payer.upload(
            *[
                net.redeem(payer, [token], token.amount, Refresh(mate.key, (token.amount,)))
                for token in tokens
            ]
        )
        assert {verdict(row) for row in rows} == {Verdict.SETTLED}
        assert reasons(net, payer) == {expected}, name


@pytest.mark.parametrize("hops", [0, 1])
def test_a_refresh_for_somebody_else_is_a_hop(net: LedgerNetwork, hops: int) -> None:
    mate, payer = net.customer("Mate"), net.customer("Aigul")
    lower(net, hops=hops)
    payer.certify()
    payer.upload(net.redeem(payer, payer.fund(500), 500, Refresh(mate.key, (500,))))
    net.settle_down()
    assert reasons(net, payer) == {None if hops else Reason.LIMITS}


def test_the_same_funding_again_is_no_second_one(net: LedgerNetwork) -> None:
    aigul, funding = net.customer("Aigul", opening=RICH), net.random(16)
    aigul.fund(PERSON, funding=funding)
    assert aigul.fund_raw(funding, PERSON).body.amounts == (PERSON,)
    with pytest.raises(Refusal):
        aigul.fund(1)


def test_a_purse_that_paid_offline_is_funded_again_though_its_bank_had_not_heard_of_it(
    tmp_path: Path,
) -> None:
    terms = {"limits": {**asdict(LIMITS), "balance": 1_000_000}}
    with System(tmp_path, "funded again", terms=terms) as system:
        asel, berik = system.holder("asel", "alatau"), system.holder("berik", "zhibek")
        online.fund(asel.wallet, asel.bank_client, 1_000_000)
        with system.network.offline():
            assert asel.pay(berik, 600_000).code is None
        online.fund(asel.wallet, asel.bank_client, 600_000)
        assert asel.wallet.balance().spendable == 1_000_000
        assert refusal_of(lambda: online.fund(asel.wallet, asel.bank_client, 1)) is Code.LIMIT_BALANCE
