"""How tests/stores/services was made, on commit ee6df03: `python -m tests.stores.make_services`. Never again: these
are the stores of services that had no versions yet (a bank's was at its third), and they must still open.

In them is money in every place where the services keep some: on accounts, in tokens, in a payment that one bank
has not yet heard of, in a redemption and a refund that are under way, and in a conflict.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

from tests.ledger_sync.bank.network import LedgerNetwork
from tests.support.world import DAY, Person
from wallet.protocol.transfer import ToAccount

HERE = Path(__file__).parent / "services"
STORES = HERE / "ee6df03.tar.gz"
EXPECTED = HERE / "expected.json"


def live(net: LedgerNetwork) -> dict[str, object]:
    """Some days of a network; what its people remember afterwards."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    cheat, shop = net.customer("Dauren", "zhibek"), net.customer("Shop")
    old, before = shop.fund(5_000, 6_000), shop.person
    net.now += 63 * DAY
    net.world.now = net.now
    for customer in (aigul, baurzhan, cheat, shop):
        customer.certify()
    tokens = aigul.fund(100_000, 200_000, 300_000)
    bad = cheat.fund(500_000)
    aigul.upload(net.defund(aigul, tokens[2:]))
    copied = Person(cheat.person.key, cheat.person.certificate, cheat.person.sequence, cheat.person.total)
    shop.upload(net.pay(cheat, bad, shop, 500_000))
    baurzhan.upload(net.pay(copied, bad, baurzhan, 400_000))
    net.settle_down()
    net.down.add("zhibek")
    aigul.upload(net.pay(aigul, tokens[1:2], baurzhan, 150_000))
    net.now += 58 * DAY
    net.down.add("central-bank")
    shop.upload(net.redeem(before, old[:1], 5_000, ToAccount()))
    net.banks["alatau"].node.refunds.find()
    return {
        "now": net.now,
        "people": {
            customer.name: [
                customer.account,
                customer.person.certificate.encode().hex(),
                customer.person.sequence,
                customer.person.total,
            ]
            for customer in (aigul, baurzhan, cheat, shop)
        },
        "issuance": next(
            raw.encode().hex() for raw in net._issuances.values() if raw.body.owner == aigul.key
        ),
        "balances": {customer.name: customer.balance() for customer in (aigul, shop)},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        net = LedgerNetwork(folder)
        seen = live(net)
        net.down.clear()
        seen["books"] = [net.central_books(), net.books("alatau"), net.books("zhibek")]
        net.close()
        HERE.mkdir(exist_ok=True)
        with tarfile.open(STORES, "w:gz") as tar:
            for path in sorted(folder.rglob("*.db")):
                tar.add(path, path.relative_to(folder).as_posix())
        plain = json.dumps(seen, indent=1, default=lambda raw: raw.hex())
        EXPECTED.write_text(plain + "\n", "utf-8")


if __name__ == "__main__":
    main()
