"""A purse takes verdicts and the notary's words that were signed with others, by the checks it has for those signed
alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.purses import refused
from tests.support.small_ledger import Row
from tests.support.wallets import WalletNetwork
from wallet.protocol.batch import sign_batch
from wallet.protocol.codes import Code
from wallet.protocol.keys import PublicKey
from wallet.protocol.settlement import Consumption2, Settlement2
from wallet.purse.purse import Purse
from wallet.purse.sync.answers import StatusImport


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


@dataclass(frozen=True, slots=True)
class Counted(PublicKey):
    """A key that notes every signature that it verifies."""

    verified: list[bytes] = field(default_factory=list, compare=False)

    def verify(self, message: bytes, signature: bytes) -> bool:
        self.verified.append(signature)
        return PublicKey.verify(self, message, signature)


def test_a_batchs_signature_is_verified_once_in_an_answer(net: WalletNetwork) -> None:
    row = answered(net)
    verdict = row.settlement
    assert verdict is not None
    bodies = [replace(verdict.body, transfer=bytes([number]) * 32) for number in range(20)]
    batch = sign_batch([bodies[:12], bodies[12:]], net.world.now, net.world.bank_key("alatau").sign)
    rows = [Row(one.body.transfer, one) for leaf in batch for one in leaf]
    purse = net.wallets["berik"]._purse
    directory = purse.authority.directory
    bank = directory.bank("alatau")
    (entry,) = bank.keys
    counted = Counted(entry.key.algorithm, entry.key.raw)
    watched = replace(bank, keys=(replace(entry, key=counted),))
    others = tuple(one for one in directory.banks if one.id != "alatau")
    trusting = SimpleNamespace(directory=replace(directory, banks=(watched, *others)))
    StatusImport(cast(Purse, SimpleNamespace(authority=trusting))).check(rows)
    assert counted.verified == [rows[0].settlement and rows[0].settlement.signature]


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
