"""A whole digital tenge in one process: the in-process network, and wallets with real purses at its banks.

Rule: everything is the real thing (ASGI applications, stores in SQLite or PostgreSQL, purses, the client that
reconciles) but for the network, the clock, chance and the keystores' place, which belong to the test. Workers do a
round when they are told to; nothing runs by itself.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hsm.memory import MemoryKeystore
from ledger_sync import client as online
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, CutAfter, InProcessNetwork, Plan, named
from tests.support.databases import Databases
from tests.support.holders import DEVICE, PIN, Holder
from tests.support.steps import Steps
from tests.support.wallets import Chance
from tests.support.world import NOW
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codec import Cbor

BANKS: Final = ("alatau", "zhibek")
OPENING: Final = 10_000_000
"""Tiyn on a new account."""
_LONGEST_PAUSE: Final = 33
"""Seconds after which whatever a bank has put off is due again."""
_QUIET_ROUNDS: Final = 60
_MAX_ROUNDS: Final = 8
_RELAYS: Final = ("whole", "payload", "money")
_OPEN_FUNDINGS: Final = "select id, amount from fundings where stage = 'debited'"


class System:
    """``now`` is everybody's clock; who is ahead of it stands in ``network.ahead``. Use it as a context."""

    def __init__(
        self,
        folder: Path,
        seed: str,
        *,
        terms: Mapping[str, Any] | None = None,
        banks: tuple[str, ...] = BANKS,
        plan: Plan | None = None,
        born: InProcessNetwork | None = None,
        databases: Databases | None = None,
    ) -> None:
        """``plan`` says all that ``terms`` and ``banks`` leave open. ``born`` is the network that this one goes on
        from, in a copy of its folder. ``databases``: where services keep their stores, in place of their folders."""
        self.folder = folder
        self.seed = seed
        self.now = NOW
        self.steps = Steps()
        self.holders: dict[str, Holder] = {}
        self.strangers: set[str] = set()
        """Accounts of those whom nobody audits."""
        self._uses = 0
        self._looks: dict[str, tuple[object, sqlite3.Connection]] = {}
        self.databases = databases
        clone = None if databases is None else databases.clone
        if born is None:
            planned = plan or Plan(banks=banks, terms=dict(terms or {}))
            if databases is not None:
                names = {CENTRAL_BANK, NOTARY, *planned.banks} - planned.absent
                planned = replace(planned, databases={name: databases.fresh() for name in sorted(names)})
            self.network = InProcessNetwork(folder, lambda: self.now, self.chance, planned, clone=clone)
        else:
            self.network = born.copy(folder, lambda: self.now, self.chance, clone)

    def __enter__(self) -> System:
        self.network.found()
        self.network.work()
        return self

    def __exit__(self, *_: object) -> None:
        for holder in self.holders.values():
            holder.wallet.close()
        for _since, look in self._looks.values():
            look.close()
        self.network.close()
        if self.databases is not None:
            self.databases.look_away()

    @contextmanager
    def copy(self, folder: Path, seed: str) -> Iterator[System]:
        """Another world that goes on where this one ended: many short lives after one birth."""
        shutil.copytree(self.folder, folder)
        databases = None if self.databases is None else self.databases.beside()
        other = System(folder, seed, born=self.network, databases=databases)
        other.now, other.strangers = self.now, set(self.strangers)
        try:
            for name, holder in self.holders.items():
                app, home = folder / holder.folder.name, holder.home.clone()
                keystore = holder.keystore.clone(random=Chance(f"{seed} keys of {name}"))
                other.holders[name] = Holder(
                    other, name, holder.bank, holder.account, app, keystore, home=home
                )
                other.holders[name].start()
            yield other
        finally:
            other.__exit__()
            if databases is not None:
                databases.__exit__()

    # the ledger

    @property
    def root(self) -> bytes:
        return self.network.root

    @property
    def banks(self) -> tuple[str, ...]:
        """Those that are run here."""
        return tuple(name for name in self.network.plan.banks if name in self.network.names)

    def settle_down(self) -> None:
        """Rounds until no bank has anything left to do; the clock goes on meanwhile."""
        self.network.revive()
        for _ in range(_QUIET_ROUNDS):
            self.network.work()
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
            unsaid = {holder.name: said for holder in order if (said := holder.more_to_say)}
            if not unsaid:
                return
        raise AssertionError(f"reconciling never ends: {unsaid}")

    def open_work(self) -> list[tuple[Any, ...]]:
        """What the banks still have to do, but for what they would pass on to a bank whose service is not run here."""
        sql = "select kind, target, subject, code from work where done = 0"
        found = [
            (bank, *row)
            for bank in self.banks
            for row in self.rows(bank, sql)
            if row[0] not in _RELAYS or row[1] not in self.network.plan.absent
        ]
        for bank in self.banks:
            found += [(bank, "funding", *row) for row in self.rows(bank, _OPEN_FUNDINGS)]
        return found

    def rows(self, name: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Look into a service's database, as an auditor would."""
        if self.databases is not None:
            return self.databases.rows(name, self.network.homes[name].config["database"], sql, values)
        return self._look(name).execute(sql, values).fetchall()

    def _look(self, name: str) -> sqlite3.Connection:
        """Stays while the service that is looked into runs; one that starts again may do so over another file."""
        service = self.network.running.get(name)
        if name in self._looks:
            since, connection = self._looks[name]
            if since is service is not None:
                return connection
            connection.close()
        file = {CENTRAL_BANK: "central_bank.db", NOTARY: "notary.db"}.get(name, "bank.db")
        path = f"file:{self.folder / name / file}?mode=ro"
        connection = sqlite3.connect(path, uri=True, check_same_thread=False)
        self._looks[name] = (service, connection)
        return connection

    def operate(self, name: str, path: str, value: Cbor = None) -> Any:
        """A call of the operator; a GET where there is no value."""
        return self.network.operate(name, path, value)

    def chance(self, what: str) -> Chance:
        """Bytes that no other part of this run gets."""
        self._uses += 1
        return Chance(f"{self.seed} {what} {self._uses}")

    @contextmanager
    def cut(self, after: int) -> Iterator[None]:
        """In the block the answer to the call number ``after`` is lost, and nothing gets through any more."""
        with self.network.lines.disturbed(CutAfter(after)):
            yield

    # people

    def holder(self, name: str, bank: str, *, merchant: bool = False, opening: int = OPENING) -> Holder:
        """A customer with an enrolled device, and its certified and empty wallet."""
        keystore = MemoryKeystore(Chance(f"{self.seed} keys of {name}"), pin=PIN)
        keystore.create_key(DEVICE)
        kind = WalletKind.MERCHANT if merchant else WalletKind.PERSON
        cause = named(f"account of {name}")
        account = [cause, name, int(kind), 5411 if merchant else 0, opening]
        (code,) = self.operate(bank, "/v1/customers", account)
        made = Holder(self, name, bank, cause.hex(), self.folder / f"folder of {name}", keystore)
        made.start()
        made.bank_client.enrol(code)
        online.set_up(made.wallet, made.bank_client, self.root)
        online.certify(made.wallet, made.bank_client)
        self.holders[name] = made
        return made
