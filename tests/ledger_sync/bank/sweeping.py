"""A sweep of what was refused, to be cut off.

`python -m tests.ledger_sync.bank.sweeping FOLDER` sweeps, over the stores in FOLDER, two refused transfers that it
makes where there are none yet, and prints what is there before and after, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.support.world import DAY, Person
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token

_TABLES = ("transfers", "copies", "settlements", "refused")


def false(
    net: LedgerNetwork, payer: Customer | Person, tokens: tuple[Token, ...], payee: Customer, more: int = 1
) -> Signed[Transfer]:
    """A payment of ``more`` than there is, which no honest wallet makes or takes."""
    return net.pay(payer, tokens, payee, 500, edit=lambda body: replace(body, amount=body.amount + more))


def sweep(net: LedgerNetwork) -> None:
    """A round of alatau's worker."""
    net.banks["alatau"].node.retention.sweep()


def _counts(net: LedgerNetwork) -> list[int]:
    store = store_of(net.banks["alatau"].node)
    return [int(store.value(f"select count(*) from {table}")) for table in _TABLES]


def main(folder: Path) -> None:
    net = LedgerNetwork(folder, os.urandom)
    if _counts(net) == [0, 0, 0, 0]:
        cheat, shop = net.customer("Dauren"), net.customer("Shop")
        tokens = cheat.fund(1_000)
        for more in (1, 2):
            made = false(net, cheat, tokens, shop, more)
            shop.upload_bundle(replace(net.bundle([made]), transfers=(made,)))
    net.now += 181 * DAY
    before = _counts(net)
    sweep(net)
    print(json.dumps({"before": before, "after": _counts(net)}))
    net.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
