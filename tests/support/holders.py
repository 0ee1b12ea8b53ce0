"""People of a `System`: a wallet with a real purse each, its line to its bank, and what may become of a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hsm.memory import MemoryKeystore
from ledger_sync import client as online
from ledger_sync.client import BankClient, Report
from ledger_sync.http.call import Signer
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.payment import parse_payment
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer
from wallet.purse.receive.receiving import Received
from wallet.purse.store.memory import MemoryHome
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from tests.support.system import System

PIN: Final = "1234"
DEVICE: Final = "device"


@dataclass
class Snapshot:
    """A backup: the purse, and what a copy of the whole keystore would hold."""

    home: MemoryHome
    keystore: MemoryKeystore
    is_set_up: bool


@dataclass
class Holder:
    """Somebody with a wallet in memory. ``folder`` is where an app keeps what is its own; ``signed`` has every transfer
    that this device was seen to sign."""

    system: System
    name: str
    bank: str
    account: str
    folder: Path
    keystore: MemoryKeystore
    signed: dict[bytes, Signed[Transfer]] = field(default_factory=dict)
    is_set_up: bool = True
    home: MemoryHome = field(default_factory=MemoryHome)

    @property
    def ahead(self) -> int:
        """Seconds by which the device's clock is ahead of everybody's."""
        return self.system.network.ahead.get(self.name, 0)

    @ahead.setter
    def ahead(self, seconds: int) -> None:
        self.system.network.ahead[self.name] = seconds

    def now(self) -> int:
        return self.system.network.clock(self.name)()

    def start(self) -> None:
        """Open the wallet from what is kept."""
        self.wallet = Wallet.open(
            self.home, self.keystore, self.now, self.system.chance(f"wallet {self.name}")
        )
        device = Signer(self.keystore.public_key(DEVICE), lambda message: self.keystore.sign(DEVICE, message))
        line = self.system.network.line(self.name, self.bank, device, self.wallet.dating.now)
        self.bank_client = BankClient(line, self.bank, device.key)
        online.keep_time(self.wallet, self.bank_client, self.system.chance("nonces"))

    def restart(self) -> None:
        """The process ends and the person unlocks the wallet again."""
        self.wallet.close()
        self.keystore = self.keystore.reopen(PIN)
        self.start()

    # online

    def sync(self) -> Report:
        self._set_up()
        return online.reconcile(self.wallet, self.bank_client)

    def try_sync(self) -> Report | None:
        """As a person does who is told "no" or "no line": nothing is broken by it."""
        try:
            return self.sync()
        except Refusal:
            return None

    @property
    def more_to_say(self) -> list[str]:
        """What another reconciling would bring to the ledger or from it."""
        reconciling = self.wallet.reconciling
        try:
            news = self.bank_client.deliveries(reconciling.cursor)
        except Refusal:
            return []
        found = (
            [f"listed: {reconciling.cursor} of {news.cursor}"] if news.cursor != reconciling.cursor else []
        )
        found += [f"not answered: {transfer.id.hex()}" for transfer in reconciling.uploads.next().transfers]
        return found + [f"redeeming: {redemption!r}" for redemption in reconciling.exchanging.open()]

    def fund(self, amount: int) -> int:
        self._set_up()
        return online.fund(self.wallet, self.bank_client, amount)

    def defund(self, amount: int) -> int:
        self._set_up()
        return online.defund(self.wallet, self.bank_client, amount)

    def account_balance(self) -> int:
        return self.bank_client.account().balance

    # offline

    @property
    def held(self) -> int:
        """Tiyn of everything unspent, at what it is known to be worth."""
        return self.wallet.balance().held

    def show(
        self, request: Signed[Request], amount: int | None = None, *, anew: bool = False
    ) -> tuple[bytes, bytes]:
        """Pay a request as far as showing it: the payment's id and bytes."""
        payment = self.wallet.paying.reserve(request, amount, allow_second=anew)
        raw = self.wallet.paying.sign(payment)
        self.note(raw)
        self.wallet.paying.shown(payment)
        return payment, raw

    def note(self, raw: bytes) -> None:
        """Remember what was signed."""
        self.signed.update((transfer.id, transfer) for transfer in parse_payment(raw).newest)

    def pay(self, payee: Holder, amount: int) -> Received:
        """A whole payment with its receipt, no network."""
        request = payee.wallet.receiving.request(amount)
        payment, raw = self.show(request)
        received = payee.wallet.receiving.receive(raw, request)
        self.wallet.paying.acknowledge(payment, received.receipt)
        return received

    def pay_unseen(self, payee: Holder, amount: int) -> bytes:
        """A payment that is signed and shown, and that the payee never sees; its bytes."""
        return self.show(payee.wallet.receiving.request(amount))[1]

    # what may become of a device

    def snapshot(self) -> Snapshot:
        """A backup of everything."""
        self.wallet.close()
        copy = self.home.clone()
        self.start()
        return Snapshot(copy, self.keystore.clone(), self.is_set_up)

    def remember(self) -> None:
        """Note all that this purse has signed, before it is taken away."""
        objects, store = self.wallet._purse.objects, self.wallet._purse.store
        for row in store.rows("SELECT txid FROM outgoing WHERE state = 'signed'"):
            self.signed[row["txid"]] = objects.transfer(row["txid"])

    def signed_bodies(self) -> list[tuple[bytes, Transfer]]:
        """Ids and bodies of all that this device was ever seen to sign."""
        return [(txid, transfer.body) for txid, transfer in self.signed.items()]

    def restore(self, snapshot: Snapshot) -> None:
        """Put the old purse back; the keystore, and so the record, stays as it is."""
        self.remember()
        self.wallet.close()
        self.home = snapshot.home.clone()
        self.is_set_up = snapshot.is_set_up
        self.start()

    def lose_purse(self) -> None:
        """The purse is gone; the keystore is not. What the set-up of a wallet does, is done again."""
        self.remember()
        self.wallet.close()
        self.home = MemoryHome()
        self.start()
        self.is_set_up = False
        self._set_up()

    def _set_up(self) -> None:
        """As an interrupted making goes on: before anything else that is done online."""
        if not self.is_set_up:
            online.set_up(self.wallet, self.bank_client, self.system.root)
            self.is_set_up = True

    def clone(self, snapshot: Snapshot, name: str) -> Holder:
        """A second device out of a backup of purse AND keystore."""
        folder, home = self.system.folder / f"folder of {name}", snapshot.home.clone()
        other = Holder(
            self.system, name, self.bank, self.account, folder, snapshot.keystore.clone(), home=home
        )
        other.ahead, other.is_set_up = self.ahead, snapshot.is_set_up
        other.start()
        self.system.holders[name] = other
        return other
