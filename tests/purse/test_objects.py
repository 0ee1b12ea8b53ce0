"""The object store: what it keeps ready is bounded, and what it says does not depend on that."""

from __future__ import annotations

import pytest

from tests.support.purses import refused
from tests.support.wallets import WalletNetwork
from wallet.protocol.bounds import MAX_ISSUANCES, MAX_TRANSFERS
from wallet.protocol.codes import Code
from wallet.purse.store.objects import Objects

NAMES = ("asel", "berik", "dina")


@pytest.fixture
def lived(net: WalletNetwork) -> WalletNetwork:
    """Money that went round twice, with change on the way."""
    for name in NAMES:
        net.wallet(name, 50_000, 50_000)
    for _ in range(2):
        for payer, payee in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True):
            net.pay(payer, payee, 70_000)
    return net


def said(objects: Objects, txids: list[bytes]) -> list[object]:
    """Of every transaction, twice over, so that what was thrown away is asked for again."""
    return [
        (
            objects.ancestry(txid),
            objects.carried(txid),
            objects.size(txid),
            objects.weight(objects.ancestry(txid)),
        )
        for txid in (*txids, *txids)
    ]


@pytest.mark.parametrize("most", [1, 3, 6])
def test_however_little_is_kept_ready_it_says_the_same(lived: WalletNetwork, most: int) -> None:
    store = lived.wallets["asel"]._purse.store
    txids = [row["id"] for row in store.rows("SELECT id FROM object WHERE kind IN ('transfer', 'issuance')")]
    assert len(txids) > most
    little = Objects(store, parsed=most, sets=most)
    assert said(little, txids) == said(Objects(store), txids)
    kept = (little._ancestry, little._carried, little._sizes)
    assert all(len(each) <= most + MAX_TRANSFERS + MAX_ISSUANCES for each in kept)
    assert len(little._parsed) <= most


def test_what_another_purse_holds_is_not_held(lived: WalletNetwork) -> None:
    """Nothing that is kept ready is shared between purses."""
    stranger = lived.wallet("stranger", 10_000)._purse
    row = lived.wallets["asel"]._purse.store.row("SELECT id FROM transfer LIMIT 1")
    assert row is not None
    assert lived.wallets["asel"]._purse.objects.transfer(row["id"]).id == row["id"]
    with refused(Code.PROVENANCE_MISSING):
        stranger.objects.transfer(row["id"])
