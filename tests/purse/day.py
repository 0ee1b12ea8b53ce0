"""A wallet's whole day in one process, on a real SoftHSM token: `python -m tests.purse.day live|young|recover FOLDER`.

`live` is the day, with its old key destroyed long after; `young` is without that; `recover` is when the purse was
lost and its keys were not, and its tokens' grace passes in the end.

Every step looks first whether it was done, so that a day that was killed is finished by running it again. The people
it deals with live in a World and remember nothing: the same question gets the same answer. Prints the sums as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import hsm
from tests.support.small_ledger import SmallLedger
from tests.support.world import DAY, Person, World
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle, parse_bundle
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.issuance import CURRENCY, Issuance
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.policy import PolicyDelta, PolicyUpdate, Reason
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.request import Request, request_ref
from wallet.protocol.validity import issued_tokens
from wallet.purse.pay.spendable import total_of
from wallet.purse.store.payments import PaymentState
from wallet.purse.store.tokens import TokenState
from wallet.purse.view.history import EventKind
from wallet.wallet import Wallet

PIN = "2718-теңге"


@dataclass
class Day:
    folder: Path
    wallet: Wallet
    world: World

    def live(self) -> None:
        self.begin()
        self.fund()
        self.pay(70_000)
        self.change_my_mind(5_000)
        self.be_paid(30_000)
        self.reconcile()
        self.renew()
        self.defund(20_000)

    def begin(self) -> None:
        self.believe()
        if self.wallet._purse.epochs.current() is None:
            self.certify()

    def believe(self) -> None:
        reconciling = self.wallet.reconciling
        reconciling.take_root(self.world.root.public, self.world.signed_directory().encode())
        delta = PolicyDelta(1, self.world.now, ((b"\5" * 16, Reason.LOST),), (), ())
        signed = cose.sign(delta, self.world.policy_key.sign)
        reconciling.take_policy(None, PolicyUpdate(self.world.head(1), (signed,)))

    def certify(self) -> None:
        epoch = self.wallet.reconciling.begin_epoch()
        wallet_id = epoch.key[1:17]
        now = self.world.now
        limits = self.world.head().body.limits
        body = Certificate(
            bank="alatau",
            wallet=wallet_id,
            key=epoch.key,
            issued=now,
            expires=now + 60 * DAY,
            kind=WalletKind.PERSON,
            limits=limits,
            total=epoch.total,
        )
        self.wallet.reconciling.install_certificate(cose.sign(body, self.world.bank_key("alatau").sign))

    def fund(self) -> None:
        reconciling = self.wallet.reconciling
        asked = [event.amount for event in self.wallet.history() if event.kind is EventKind.FUNDED]
        if not asked and self.wallet._purse.store.value("SELECT 1 FROM funding") is None:
            reconciling.fundings.drop(reconciling.fundings.begin(1_000).id)
        if 100_000 not in asked:
            reconciling.fundings.begin(100_000)
        for funding in reconciling.fundings.open():
            if funding.amount == 1_000:
                reconciling.fundings.drop(funding.id)
                continue
            now = self.world.now
            body = Issuance(
                funding=funding.id,
                owner=funding.owner,
                currency=CURRENCY,
                amounts=funding.amounts,
                mark=None,
                issued=now,
                expires=now + 90 * DAY,
            )
            reconciling.fundings.complete(cose.sign(body, self.world.issuing.sign))

    def pay(self, amount: int) -> None:
        berik = self.world.person("berik", "zhibek")
        paying = self.wallet.paying
        payment = paying.reserve(self.world.request(berik, amount, memo="pay"))
        raw = paying.sign(payment)
        paying.shown(payment)
        body = ReceiptBody(parse_payment(raw).ids, None, (), self.world.now)
        paying.acknowledge(payment, Receipt(cose.sign(body, berik.key.sign)))

    def change_my_mind(self, amount: int) -> None:
        paying = self.wallet.paying
        dropped = "SELECT 1 FROM payment WHERE state = 'dropped'"
        if self.wallet._purse.store.value(dropped) is None:
            request = self.world.request(self.world.person("berik", "zhibek"), amount, memo="drop")
            paying.drop(paying.reserve(request))
        assert all(item.state is not PaymentState.RESERVED for item in paying.pending())

    def be_paid(self, amount: int) -> None:
        """Twice for one request: the second is given back."""
        request = self.asked(amount)
        for name in ("dina", "erlan"):
            self.wallet.receiving.receive(self.payment_of(self.world.person(name, "zhibek"), request))

    def asked(self, amount: int) -> cose.Signed[Request]:
        file = self.folder / "request"
        if not file.exists():
            made = self.wallet.receiving.request(amount)
            (self.folder / "request.new").write_bytes(made.encode())
            (self.folder / "request.new").rename(file)
        return cose.parse(Request, file.read_bytes())

    def payment_of(self, payer: Person, request: cose.Signed[Request]) -> bytes:
        issuance = self.world.issue(payer, 50_000)
        tokens = issued_tokens(issuance)
        amount = request.body.amount
        made = self.world.transfer(payer, tokens, request.body.key, amount, request_ref(request))
        return Payment(1, (made,), (issuance,), (payer.certificate,)).encode()

    def ledger(self) -> SmallLedger:
        """A ledger that knows all that this wallet has ever held, also where the wallet has lost it."""
        ledger = SmallLedger(self.world)
        file = self.folder / "ledger"
        if file.exists():
            ledger.upload(parse_bundle(file.read_bytes()))
        ledger.upload(self.everything())
        return ledger

    def everything(self) -> Bundle:
        objects = self.wallet._purse.objects
        rows = self.wallet._purse.store.rows("SELECT id, kind FROM object")
        ids = {
            kind: [row["id"] for row in rows if row["kind"] == kind] for kind in ("certificate", "issuance")
        }
        return Bundle(
            tuple(objects.transfer(txid) for txid in objects.transfers_in(row["id"] for row in rows)),
            tuple(objects.issuance(txid) for txid in ids["issuance"]),
            tuple(objects.certificate(txid) for txid in ids["certificate"]),
        )

    def recover(self) -> None:
        """The purse was lost; the ledger and the keystore were not."""
        reconciling = self.wallet.reconciling
        self.believe()
        reconciling.deliver(*self.ledger().deliver(self.wallet._purse.epochs.own()))
        self.reconcile()

    def reconcile(self) -> None:
        reconciling, ledger = self.wallet.reconciling, self.ledger()
        while (bundle := reconciling.uploads.next(2)).transfers:
            reconciling.answer(ledger.upload(bundle))
        for txid in reconciling.exchanging.open():
            outcome = ledger.rows[txid].outcome
            assert outcome is not None
            reconciling.exchanging.complete(txid, outcome.issuance, outcome.value)
        reconciling.deliver(*ledger.deliver(self.wallet._purse.epochs.own()))

    def renew(self) -> None:
        if self.wallet._purse.store.value("SELECT count(*) FROM certificate c JOIN epoch USING (key)") < 2:
            self.certify()
        if not any(event.kind is EventKind.REFRESHED for event in self.wallet.history()):
            self.wallet.reconciling.exchanging.begin_refresh()
        self.reconcile()

    def defund(self, amount: int) -> None:
        if not any(event.kind is EventKind.DEFUNDED for event in self.wallet.history()):
            self.wallet.reconciling.exchanging.begin_defund(amount)
            rows = self.ledger().upload(self.wallet.reconciling.uploads.next())
            for row in rows:
                if row.outcome is not None:
                    self.wallet.reconciling.exchanging.complete(
                        row.transfer, row.outcome.issuance, row.outcome.value
                    )
        self.reconcile()

    def sums(self) -> dict[str, object]:
        balance = self.wallet.balance()
        numbers = self.wallet._purse.store.rows("SELECT sequence FROM outgoing ORDER BY sequence")
        refused = total_of(self.wallet._purse.tokens.all(TokenState.REFUSED))
        return {
            "state": self.wallet.state.value,
            "spendable": balance.spendable,
            "held": balance.held,
            "away": [balance.signed, balance.redeeming, balance.funding, refused],
            "numbers": [row["sequence"] for row in numbers],
        }


def main(what: str, folder: Path) -> None:
    world = World()
    clock = [world.now]
    keystore = hsm.open_keystore(folder / "keys", PIN, clock=lambda: clock[0], random=os.urandom)
    wallet = Wallet.open(folder / "purse", keystore, lambda: clock[0], os.urandom)
    day = Day(folder, wallet, world)
    if what in ("live", "young"):
        day.live()
        (folder / "ledger").write_bytes(day.everything().encode())
        sums = day.sums()
        if what == "live":
            clock[0] = world.now = world.now + 91 * DAY
            day.believe()
            wallet.reconciling.retiring.retire(wallet.reconciling.retiring.candidates(), ())
            sums["spendable"] = sums[
                "held"
            ]  # signed time stays: whoever lives again finds certificates expired
    else:
        day.recover()
        sums = day.sums()
        clock[0] = world.now = world.now + 121 * DAY
        day.believe()
        sums["spendable"] = sums["held"] = wallet.balance().held
    sums["keys"] = len(keystore.aliases())
    wallet.close()
    keystore.lock()
    print(json.dumps(sums))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
