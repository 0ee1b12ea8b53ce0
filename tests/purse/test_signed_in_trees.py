"""A purse takes verdicts and the notary's words that were signed with others, by the checks it has for those signed
alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.purses import refused
from tests.support.small_ledger import Row
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code
from wallet.protocol.settlement import Consumption2, Settlement2


@pytest.fixture
def net(net: WalletNetwork) -> WalletNetwork:
    net.ledger.in_trees = True
    return net


def answered(net: WalletNetwork) -> Row:
    """The ledger's row on what Berik received."""
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    net.pay("asel", "berik", 60_000)
    (row,) = net.ledger.upload(berik.reconciling.uploads.next())
    assert row.settlement is not None
    assert isinstance(row.settlement.body, Settlement2)
    assert isinstance(row.consumptions[0].body, Consumption2)
    return row


def test_money_settles(net: WalletNetwork) -> None:
    row = answered(net)
    berik = net.wallets["berik"]
    berik.reconciling.answer([row])
    berik.reconciling.answer([replace(row, first_answered=net.world.now)])
    assert (berik.balance().spendable, berik.balance().unsettled) == (60_000, 0)


def test_a_place_of_anothers_is_not_believed(net: WalletNetwork) -> None:
    row = answered(net)
    berik, verdict, word = net.wallets["berik"], row.settlement, row.consumptions[0]
    assert verdict is not None
    assert verdict.leaf is not None
    assert word.leaf is not None
    with refused(Code.SETTLEMENT_SIGNATURE):
        elsewhere = replace(verdict, leaf=replace(verdict.leaf, within=None))
        berik.reconciling.answer([replace(row, settlement=elsewhere)])
    with refused(Code.NOTARY_SIGNATURE):
        later = replace(word, leaf=replace(word.leaf, extent=replace(word.leaf.extent, log=1)))
        berik.reconciling.answer([replace(row, consumptions=(later,))])
    assert berik.balance().unsettled == 60_000
