"""Fundings: begun once, asked for until they are complete, and counted until then."""

from __future__ import annotations

from dataclasses import replace

from tests.support.purses import refused
from tests.support.wallets import WalletNetwork
from tests.support.world import LIMITS
from wallet.protocol.codes import Code


def test_a_funding_is_asked_for_again_until_it_is_complete(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    funding = asel.reconciling.fundings.begin(1_234_567)
    assert sum(funding.amounts) == 1_234_567
    asel = net.open("asel")
    assert asel.reconciling.fundings.open() == (funding,)
    assert asel.balance().funding == 1_234_567
    issuance = net.issue(funding)
    assert asel.reconciling.fundings.complete(issuance)
    assert not asel.reconciling.fundings.complete(issuance)
    assert (asel.balance().spendable, asel.balance().unsettled, asel.balance().funding) == (1_234_567, 0, 0)
    assert asel.reconciling.fundings.open() == ()


def test_an_issuance_must_be_what_was_asked_for(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    funding = asel.reconciling.fundings.begin(1_000_000)
    with refused(Code.FUNDING_MISMATCH):
        asel.reconciling.fundings.complete(net.issue(replace(funding, amounts=(1_000_001,))))
    with refused(Code.NOT_FOUND):
        asel.reconciling.fundings.complete(net.issue(replace(funding, id=b"\0" * 16)))
    assert asel.balance().held == 0


def test_money_of_a_dropped_funding_is_still_ours(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    funding = asel.reconciling.fundings.begin(1_000_000)
    asel.reconciling.fundings.drop(funding.id)
    assert asel.balance().funding == 0
    net.issue(funding)
    asel.reconciling.deliver(*net.ledger.deliver({funding.owner}))
    assert asel.balance().spendable == 1_000_000


def test_fundings_count_against_the_balance_limit(net: WalletNetwork) -> None:
    net.limits = replace(LIMITS, balance=100_000)
    asel = net.wallet("asel", 50_000)
    asel.reconciling.fundings.begin(30_000)
    with refused(Code.LIMIT_BALANCE):
        asel.reconciling.fundings.begin(20_001)
