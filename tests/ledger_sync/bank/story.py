"""A story to be cut off anywhere: everything that a bank does for its customers, told with the same ids each time.

`python -m tests.ledger_sync.bank.story FOLDER` tells it over the stores in FOLDER and prints how it ended, as JSON.
Told again after a crash it goes on where it was, because every call may be made again. The wallets' side is made
anew each time from the same keys and the certificates that the banks stored.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hsm import failpoint
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import BANKS, LedgerNetwork
from tests.support.world import DAY, NOW, Key, Person
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

COUNT, SPLIT = "--count", "--split"
NOTARIES = {"notary": ("00", "11"), "notary-b": ("01",), "notary-c": ("10",)}
"""Those among whom references are split, where they are."""


def tell(net: Remembering) -> dict[str, object]:
    """The whole story; how it ends."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    cheat, shop = net.customer("Dauren", "zhibek"), net.customer("Shop")
    tokens = aigul.fund(100_000, 200_000, 300_000, funding=b"a" * 16)
    kept = baurzhan.fund(70_000, funding=b"b" * 16)
    bad = cheat.fund(500_000, funding=b"d" * 16)
    (near,) = aigul.fund(40_000, funding=b"n" * 16)

    bought = net.pay(aigul, [near], shop, 30_000, request=net.request(shop, 30_000, nonce=b"0" * 16))
    aigul.upload(bought)
    shop.upload(net.defund(shop, net.outputs(bought)[:1]))
    paid = net.pay(
        aigul, tokens[1:2], baurzhan, 150_000, request=net.request(baurzhan, 150_000, nonce=b"1" * 16)
    )
    aigul.upload(paid)
    refused = net.pay(
        aigul, tokens[2:], baurzhan, 300_000, request=net.request(baurzhan, 300_000, nonce=b"2" * 16)
    )
    refusal = net.refuse(baurzhan, net.outputs(refused)[0])
    aigul.upload(refusal)
    defund = net.defund(baurzhan, net.outputs(paid)[:1])
    baurzhan.upload(defund)
    refresh = net.refresh(baurzhan, kept)
    baurzhan.upload(refresh)

    person = cheat.person
    copied = Person(person.key, person.certificate, person.sequence, person.total)
    first = net.pay(cheat, bad, shop, 500_000, request=net.request(shop, 500_000, nonce=b"3" * 16))
    second = net.pay(copied, bad, baurzhan, 400_000, request=net.request(baurzhan, 400_000, nonce=b"4" * 16))
    shop.upload(first)
    lost = baurzhan.upload(second)[0]
    net.settle_down()
    net.leap(125 * DAY)
    net.settle_down()
    last = (baurzhan.upload(second)[0], baurzhan.upload(paid)[0], aigul.upload(bought)[0])
    rows = [row.settlement for row in last]
    with net.reading("zhibek", None):
        rows += [baurzhan.verdict(second).settlement, baurzhan.verdict(paid).settlement]
    net.check_books()
    return {
        "balances": {c.name: c.balance() for c in (aigul, baurzhan, cheat, shop)},
        "central": [net.central_books()[:3], [held for _bank, held in net.central_books()[3]]],
        "own": [net.books(bank)[1] for bank in BANKS],
        "blamed": lost.evidence is not None and lost.evidence.certificate.body.key == cheat.key,
        "revoked": len(net.policy().revoked),
        "verdicts": [None if s is None else [int(s.verdict), list(s.values)] for s in rows],
    }


def main(folder: Path, *, count: bool, is_split: bool) -> None:
    hits: Counter[str] = Counter()

    def note(name: str) -> None:
        hits[name] += name.startswith("bank.")

    with failpoint.watching(note) if count else nullcontext():
        net = Remembering(folder, NOTARIES if is_split else None)
        ending = tell(net)
        net.close()
    print(json.dumps({"ending": ending, "hits": +hits}, sort_keys=True))


class Remembering(LedgerNetwork):
    """A network whose wallets remember over a crash what real ones would: certificates, ids, the time."""

    def __init__(self, folder: Path, notaries: Mapping[str, tuple[str, ...]] | None = None) -> None:
        super().__init__(folder, os.urandom, notaries=notaries)
        self.made_at = NOW
        self._notes = folder / "notes"
        self._notes.mkdir(exist_ok=True)
        self._made = 0
        clock = self._notes / "clock"
        if clock.exists():
            self.now = int(clock.read_text())

    def leap(self, seconds: int) -> None:
        """Let so much time pass, once."""
        clock = self._notes / "clock"
        if not clock.exists():
            self.now += seconds
            clock.write_text(str(self.now))

    def customer(self, name: str, bank: str = "alatau", **_usual: object) -> Customer:
        note = self._notes / name
        if note.exists():
            account, raw = note.read_text().split()
            device, key = Key.of(f"{name} device"), Key.of(f"{name} epoch 0")
            return Customer(
                self, bank, name, device, account, [Person(key, cose.parse(Certificate, bytes.fromhex(raw)))]
            )
        made = super().customer(name, bank, cause=name.encode().ljust(16, b"."))
        note.write_text(f"{made.account} {made.person.certificate.encode().hex()}")
        return made

    def transfer(self, *values: Any, **named: Any) -> Signed[Transfer]:
        made = super().transfer(*values, **named)
        note = self._notes / f"transfer {self._made}"
        self._made += 1
        if note.exists():
            assert note.read_text() == made.id.hex(), "told again, the transfers are the same"
        note.write_text(made.id.hex())
        return made


if __name__ == "__main__":
    main(Path(sys.argv[1]), count=COUNT in sys.argv, is_split=SPLIT in sys.argv)
