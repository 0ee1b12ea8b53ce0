"""Stores of every version so far open with this one, and say what they said then; but that a payment on which the
ledger has decided is no longer called on the way, which was not so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hsm.keystore import Record
from hsm.memory import MemoryKeystore
from tests.stores.make_v1 import NAME, seen
from tests.support.wallets import Chance, WalletNetwork
from wallet.purse.store.payments import PaymentState
from wallet.purse.store.store import SCHEMA
from wallet.wallet import Wallet

STORES = sorted(path.parent for path in (Path(__file__).parents[1] / "stores").glob("v*/purse.db"))


def opened(store: Path, folder: Path) -> tuple[Wallet, dict[str, object]]:
    """A copy of a frozen store, with the keystore that belonged to it."""
    expected = json.loads((store / "expected.json").read_text("utf-8"))
    shutil.copy(store / "purse.db", folder)
    keystore = MemoryKeystore(Chance(f"keys of {NAME}"), pin="1234")
    for alias in expected["aliases"]:
        keystore.create_key(alias)
    step, sequence, digest = expected["record"]
    keystore.write_record(Record(step, sequence, bytes.fromhex(digest)))
    return Wallet.open(folder, keystore, lambda: expected["now"], Chance("later")), expected["seen"]


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.name)
def test_says_what_it_said(store: Path, tmp_path: Path) -> None:
    wallet, expected = opened(store, tmp_path)
    assert json.loads(json.dumps(seen(wallet))) == expected
    assert sum(event.change for event in wallet.history()) == wallet.balance().held
    wallet.close()


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.name)
def test_its_intent_is_signed_and_its_money_spent(store: Path, tmp_path: Path) -> None:
    wallet, _ = opened(store, tmp_path)
    (intent,) = (item for item in wallet.paying.pending() if item.state is PaymentState.RESERVED)
    wallet.paying.sign(intent.id)
    net = WalletNetwork(tmp_path / "net")
    net.world.now = wallet.now()
    berik = net.wallet("berik", bank="zhibek")
    request = berik.receiving.request(wallet.balance().spendable)
    raw = wallet.paying.sign(wallet.paying.reserve(request))
    assert berik.receiving.receive(raw).code is None
    assert wallet.balance().spendable == 0
    wallet.close()
    net.close()


def test_there_is_one_for_every_version_since_the_first() -> None:
    assert [store.name for store in STORES] == [f"v{number + 1}" for number in range(SCHEMA.version)]
