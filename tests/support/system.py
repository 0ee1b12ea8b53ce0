"""A whole digital tenge in one process: notary, central bank, two banks, and wallets with real purses.

Rule: everything is the real thing (ASGI applications, SQLite files, purses, the client that reconciles) but for the
network, the clock, chance and the keystores' place, which belong to the test. Workers do a round when they are told
to; nothing runs by itself.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import ledger_sync.bank.program
import ledger_sync.central_bank.program
import ledger_sync.notary.service
from ledger_sync import client as online
from ledger_sync.client import BankClient, Report
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.nonces import Nonces
from ledger_sync.http.run import Home, Program, Service
from tests.support.memory_keystore import MemoryKeystore
from tests.support.switchboard import Crash, Steps, Switchboard, run_inline
from tests.support.wallets import Chance
from tests.support.world import DAY, NOW
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.payment import parse_payment
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer
from wallet.purse.receiving import Received
from wallet.wallet import Wallet

PIN: Final = "1234"
CENTRAL_BANK: Final = "central-bank"
NOTARY: Final = "notary"
PORT: Final = 8_000
BANKS: Final = ("alatau", "zhibek")
GRANT: Final = 1_000_000_000_000
"""Tiyn that each bank is issued at the beginning."""
OPENING: Final = 10_000_000
"""Tiyn on a new account."""
_PROGRAMS: Final[Mapping[str, Program]] = {
    CENTRAL_BANK: ledger_sync.central_bank.program.PROGRAM,
    NOTARY: ledger_sync.notary.service.PROGRAM,
}
_LONGEST_PAUSE: Final = 33
"""Seconds after which whatever a bank has put off is due again."""
_QUIET_ROUNDS: Final = 60
_MAX_ROUNDS: Final = 8


class System:
    """``now`` is everybody's clock; a wallet's may be ``ahead``. Use it as a context."""

    def __init__(
        self,
        folder: Path,
        seed: str,
        *,
        terms: Mapping[str, Any] | None = None,
        banks: tuple[str, ...] = BANKS,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.banks = banks
        self.programs = {**_PROGRAMS, **dict.fromkeys(banks, ledger_sync.bank.program.PROGRAM)}
        self.now = NOW
        self.terms = dict(terms or {})
        self.steps = Steps()
        self.net = Switchboard()
        self.net.on_crash = self._died
        self.services: dict[str, Service] = {}
        self.holders: dict[str, Holder] = {}
        self.crashes = 0
        self._homes: dict[str, Home] = {}
        self._built = 0

    def __enter__(self) -> System:
        self._found()
        return self

    def __exit__(self, *_: object) -> None:
        for holder in self.holders.values():
            holder.wallet.close()
        for service in self.services.values():
            service.close()

    @contextmanager
    def copy(self, folder: Path, seed: str) -> Iterator[System]:
        """Another world that goes on where this one ended: many short lives after one birth."""
        shutil.copytree(self.folder, folder)
        other = System(folder, seed, terms=self.terms, banks=self.banks)
        other.now, other.operator, other.root = self.now, self.operator, self.root
        try:
            for name, home in self._homes.items():
                chance = Chance(f"{seed} {name} chance")
                keys = cast(MemoryKeystore, home.keystore).clone()
                other._homes[name] = other._home(name, home.config, keys, chance)
                other.start(name)
            for name, holder in self.holders.items():
                purse, keystore = folder / holder.folder.name, holder.keystore.clone()
                keystore._random = Chance(f"{seed} keys of {name}")
                other.holders[name] = Holder(other, name, holder.bank, holder.account, purse, keystore)
                other.holders[name].start()
            yield other
        finally:
            other.__exit__()

    # the ledger

    def _found(self) -> None:
        self.operator = MemoryKeystore(Chance(f"{self.seed} operator"))
        operator = self.operator.create_key("operator")
        keystores = {name: MemoryKeystore(Chance(f"{self.seed} {name}")) for name in self.programs}
        keys = {
            name: {alias: keystores[name].create_key(alias) for alias in program.aliases}
            for name, program in self.programs.items()
        }
        self.root = keys[CENTRAL_BANK]["root"]
        urls = {name: f"http://{authority(name)}" for name in self.programs}
        since = self.now - DAY
        banks = [
            {"id": b, "name": b.title(), "key": keys[b]["bank"].hex(), "url": urls[b]} for b in self.banks
        ]
        notary = {"url": urls[NOTARY], "key": keys[NOTARY]["notary"].hex()}
        for name, keystore in keystores.items():
            config: dict[str, Any] = {"host": f"{name}.test", "port": PORT, "root": self.root.hex()}
            config |= {"operator": operator.hex(), "bank": name, "name": name.title(), "since": since}
            if name == CENTRAL_BANK:
                config |= {"banks": banks, "notary": notary, "terms": self.terms}
            else:
                config |= {"central_bank": urls[CENTRAL_BANK], "notary": urls[NOTARY]}
                config |= {"banks": {bank: urls[bank] for bank in self.banks}}
            folder = self.folder / name
            folder.mkdir(parents=True)
            chance = Chance(f"{self.seed} {name} chance")
            self._homes[name] = self._home(name, config, keystore, chance)
            self.start(name)
        self.work()
        for bank in self.banks:
            self.operate(CENTRAL_BANK, "/v1/issues", [_sixteen(f"grant {bank}"), bank, GRANT])
        self.work()

    def _home(self, name: str, config: Mapping[str, Any], keys: MemoryKeystore, chance: Chance) -> Home:
        return Home(
            self.folder / name,
            config,
            keys,
            lambda: self.now,
            chance,
            lambda url: self.net,
            run_inline,
            Nonces,
        )

    def start(self, name: str) -> None:
        """Bring a service up over what is on its disk."""
        self.services[name] = self.programs[name].build(self._homes[name])
        self.net.applications[authority(name)] = self.services[name].app
        self.net.dead.discard(authority(name))

    def stop(self, name: str) -> None:
        """Nobody reaches it any more; its disk stays."""
        service = self.services.pop(name, None)
        self.net.dead.add(authority(name))
        if service is not None:
            service.close()

    def _died(self, host: str) -> None:
        self.crashes += 1
        self.stop(host.partition(".")[0])

    def revive(self) -> None:
        """Start whatever has died."""
        for name in self.programs:
            if name not in self.services:
                self.start(name)

    def work(self, *names: str) -> None:
        """One round of every worker of these services (of all, if none is named)."""
        for name in names or tuple(self.programs):
            for worker in getattr(self.services.get(name), "workers", ()):
                with suppress(Refusal):
                    self._guarded(name, worker.step)

    def _guarded(self, name: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Crash:
            self._died(authority(name))

    def settle_down(self) -> None:
        """Rounds until no bank has anything left to do; the clock goes on meanwhile."""
        self.revive()
        for _ in range(_QUIET_ROUNDS):
            self.work()
            if not self.open_work():
                return
            self.now += _LONGEST_PAUSE
        raise AssertionError(f"never quiet: {self.open_work()}")

    def bring_together(self, *names: str) -> None:
        """Everybody reconciles, in this order (all, if nobody is named), until nothing is left to say."""
        order = [self.holders[name] for name in names or tuple(self.holders)]
        for _ in range(_MAX_ROUNDS):
            for holder in order:
                holder.try_sync()
            self.settle_down()
            if not any(holder.has_more_to_say for holder in order):
                return
        raise AssertionError("reconciling never ends")

    def open_work(self) -> list[tuple[Any, ...]]:
        """What the banks still have to do."""
        sql = "select kind, target, hex(subject), code from work where done = 0"
        found = [(bank, *row) for bank in self.banks for row in self.rows(bank, sql)]
        for bank in self.banks:
            found += [(bank, "funding", *row) for row in self.rows(bank, _OPEN_FUNDINGS)]
        return found

    def rows(self, name: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Look into a service's database, as an auditor would."""
        file = {CENTRAL_BANK: "central_bank.db", NOTARY: "notary.db"}.get(name, "bank.db")
        connection = sqlite3.connect(f"file:{self.folder / name / file}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def operate(self, name: str, path: str, value: Cbor = None) -> Any:
        """A call of the operator; a GET where there is no value."""
        client = self.line(name, self.operator, "operator")
        try:
            return client.get(path) if value is None else client.post(path, value)
        finally:
            client.close()

    def line(
        self, name: str, keystore: MemoryKeystore, alias: str, clock: Callable[[], int] | None = None
    ) -> ServiceClient:
        return ServiceClient(
            f"http://{authority(name)}",
            keystore.public_key(alias),
            lambda digest: keystore.sign_digest(alias, digest),
            clock or (lambda: self.now),
            self.chance("line"),
            connect=lambda url: self.net,
        )

    def chance(self, what: str) -> Chance:
        """Bytes that no other part of this run gets."""
        self._built += 1
        return Chance(f"{self.seed} {what} {self._built}")

    # people

    def holder(self, name: str, bank: str, *, merchant: bool = False, opening: int = OPENING) -> Holder:
        """A customer with an enrolled device, and its certified and empty wallet."""
        keystore = MemoryKeystore(Chance(f"{self.seed} keys of {name}"), pin=PIN)
        keystore.create_key("device")
        kind = WalletKind.MERCHANT if merchant else WalletKind.PERSON
        cause = _sixteen(f"account of {name}")
        (code,) = self.operate(
            bank, "/v1/customers", [cause, name, int(kind), 5411 if merchant else 0, opening]
        )
        made = Holder(self, name, bank, cause.hex(), self.folder / f"purse of {name}", keystore)
        made.start()
        made.bank_client.enrol(code)
        online.set_up(made.wallet, made.bank_client, self.root)
        online.certify(made.wallet, made.bank_client)
        self.holders[name] = made
        return made

    @contextmanager
    def offline(self) -> Iterator[None]:
        """No line works in the block."""
        before = set(self.net.dead)
        self.net.dead.update(self.net.applications)
        try:
            yield
        finally:
            self.net.dead.clear()
            self.net.dead.update(before)


@dataclass
class Snapshot:
    """A backup: the purse's folder, and what a copy of the whole keystore would hold."""

    folder: Path
    keystore: MemoryKeystore


@dataclass
class Holder:
    """Somebody with a wallet. ``signed`` is every transfer this device was seen to sign."""

    system: System
    name: str
    bank: str
    account: str
    folder: Path
    keystore: MemoryKeystore
    ahead: int = 0
    signed: dict[bytes, Signed[Transfer]] = field(default_factory=dict)
    _snapshots: int = 0

    def now(self) -> int:
        return self.system.now + self.ahead

    def start(self) -> None:
        """Open the wallet from what is on disk."""
        self.wallet = Wallet.open(
            self.folder, self.keystore, self.now, self.system.chance(f"wallet {self.name}")
        )
        line = self.system.line(self.bank, self.keystore, "device", self.now)
        self.bank_client = BankClient(line, self.bank, self.keystore.public_key("device"))

    def restart(self) -> None:
        """The process ends and the person unlocks the wallet again."""
        self.wallet.close()
        self.keystore = self.keystore.reopen(PIN)
        self.start()

    # online

    def sync(self) -> Report:
        return online.reconcile(self.wallet, self.bank_client)

    def try_sync(self) -> Report | None:
        """As a person does who is told "no" or "no line": nothing is broken by it."""
        try:
            return self.sync()
        except Refusal:
            return None

    @property
    def has_more_to_say(self) -> bool:
        """Whether another reconciling would bring something: to the ledger or from it."""
        reconciling = self.wallet.reconciling
        try:
            news = self.bank_client.deliveries(reconciling.cursor)
        except Refusal:
            return False
        is_behind = news.cursor != reconciling.cursor
        return bool(is_behind or reconciling.uploads().transfers or reconciling.open_redemptions())

    def fund(self, amount: int) -> int:
        return online.fund(self.wallet, self.bank_client, amount)

    def defund(self, amount: int) -> int:
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
        payment = self.wallet.paying.reserve(request, amount, anew=anew)
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
        self._snapshots += 1
        to = self.system.folder / f"backup {self._snapshots} of {self.name}"
        self.wallet.close()
        shutil.copytree(self.folder, to)
        self.start()
        return Snapshot(to, self.keystore.clone())

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
        shutil.rmtree(self.folder)
        shutil.copytree(snapshot.folder, self.folder)
        self.start()

    def lose_purse(self) -> None:
        """The folder is gone; the keystore is not. What the set-up of a wallet does, is done again."""
        self.remember()
        self.wallet.close()
        shutil.rmtree(self.folder)
        self.start()
        online.set_up(self.wallet, self.bank_client, self.system.root)

    def clone(self, snapshot: Snapshot, name: str) -> Holder:
        """A second device out of a backup of purse AND keystore."""
        folder = self.system.folder / f"purse of {name}"
        shutil.copytree(snapshot.folder, folder)
        other = Holder(
            self.system, name, self.bank, self.account, folder, snapshot.keystore.clone(), self.ahead
        )
        other.start()
        self.system.holders[name] = other
        return other


_OPEN_FUNDINGS: Final = "select hex(id), amount from fundings where stage = 'debited'"


def authority(name: str) -> str:
    return f"{name}.test:{PORT}"


def _sixteen(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]
