"""How tests/stores/v1 was made: `python -m tests.stores.make_v1`. Never again after the first release; a later
version of the store gets its own folder, and every older folder must still open."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.support.wallets import Chance, WalletNetwork
from tests.support.world import DAY
from wallet.protocol.policy import Reason
from wallet.wallet import Wallet

HERE = Path(__file__).parent / "v1"
NAME = "asel"
KEYS = Chance(f"keys of {NAME}")


def live(net: WalletNetwork) -> Wallet:
    """A purse with something in every state."""
    asel = net.wallet(NAME, 100_000, 50_000, 20_000)
    net.wallet("berik", 200_000, bank="zhibek"), net.wallet("dina", 50_000)
    net.merchant("shop")
    net.pay(NAME, "shop", 30_000)
    net.pay("berik", NAME, 45_000)
    net.reconcile(NAME, anew=True)
    net.fund(NAME, 1_000_000)
    net.world.now += DAY
    net.revoke(b"\5" * 16, Reason.LOST)
    net.learn_policy("berik")
    asked = asel.receiving.request(25_000, memo="түскі ас")
    for payer in ("berik", "dina"):
        paying = net.wallets[payer].paying
        asel.receiving.receive(paying.sign(paying.reserve(asked)))
    shop = net.wallets["shop"].receiving
    shop.request(5_000)
    printed = shop.request(40_000, printed=True, memo="№ 7")
    asel.paying.show_again(_signed(asel, printed))
    once = shop.request(10_000)
    berik = net.wallets["berik"].paying
    shop.receive(berik.sign(berik.reserve(once)))
    refused = asel.paying.reserve(once)
    asel.paying.acknowledge(refused, shop.receive(asel.paying.sign(refused)).receipt)
    asel.paying.drop(asel.paying.reserve(shop.request(1_000)))
    net.upload(NAME)
    asel.reconciling.exchanging.begin_refresh()
    asel.reconciling.fundings.begin(77_700)
    asel.paying.reserve(shop.request(33_333))
    asel.receiving.request(12_345)
    return asel


def _signed(wallet: Wallet, request) -> bytes:  # type: ignore[no-untyped-def]
    payment = wallet.paying.reserve(request)
    wallet.paying.sign(payment)
    return payment


def seen(wallet: Wallet) -> dict[str, object]:
    """What must be seen in the store, whatever version reads it."""
    return {
        "state": wallet.state.value,
        "balance": asdict(wallet.balance()),
        "tokens": [
            [str(item.token.ref), item.token.amount, item.token.hop, item.state.value, item.settled]
            for item in wallet.tokens()
        ],
        "history": [
            [event.kind.value, event.at, event.amount, event.id.hex(), event.state, event.who, event.memo]
            for event in wallet.history()
        ],
        "pending": [[item.id.hex(), item.amount, item.state.value] for item in wallet.paying.pending()],
        "fundings": [[item.id.hex(), list(item.amounts)] for item in wallet.reconciling.fundings.open()],
        "redemptions": sorted(txid.hex() for txid in wallet.reconciling.exchanging.open()),
        "risk": asdict(wallet.risk()),
        "policy": wallet.reconciling.policy_version,
    }


def write(folder: Path) -> None:
    """The purse of such a life, and what is seen in it, by the code of today."""
    with tempfile.TemporaryDirectory() as place:
        net = WalletNetwork(Path(place), on_disk=True)
        asel = live(net)
        record = net.keystores[NAME].read_record()
        assert record is not None
        rows = asel._purse.store.rows("SELECT alias FROM epoch ORDER BY number")
        expected = {
            "now": net.world.now,
            "aliases": [row["alias"] for row in rows],
            "record": [record.step, record.sequence, record.digest.hex()],
            "seen": seen(asel),
        }
        net.close()
        with sqlite3.connect(net.folder / NAME / "purse.db") as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        folder.mkdir(exist_ok=True)
        shutil.copyfile(net.folder / NAME / "purse.db", folder / "purse.db")
        (folder / "expected.json").write_text(
            json.dumps(expected, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )


if __name__ == "__main__":
    write(HERE)
