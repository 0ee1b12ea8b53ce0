"""What a service is made of, and what it is: its home, the service that a role makes of it, the role itself.

Rule: whatever a service reaches the world by comes with its home; so one may be made in a process of its own, among
others in one process, or in a test, and is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

import hsm
from ledger_sync.database.opening import Opening, beside
from ledger_sync.database.store import Kind, Store
from ledger_sync.http.call import Clock, Random, Signer, Signers
from ledger_sync.http.client import WHOLE_BETWEEN_SERVICES, Connect, ServiceClient
from ledger_sync.http.sockets import never
from ledger_sync.service.at_once import AtOnce, in_turn
from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from ledger_sync.service.heads import FILE, Heads, Notary, Peer
from ledger_sync.service.heads import KIND as HEADS
from ledger_sync.service.health import Health
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.nonces import KIND as NONCES
from ledger_sync.service.nonces import Nonces
from ledger_sync.service.own_keys import Entries, OwnKeys
from ledger_sync.service.policy_cache import PolicyCache, Reader
from ledger_sync.service.process import Process
from ledger_sync.service.quotas import Quotas
from ledger_sync.service.server import Executor
from ledger_sync.service.settings import COMMON, Setting
from ledger_sync.service.trust_store import KIND as TRUST
from ledger_sync.service.worker import Worker
from wallet.protocol.directory import Directory


@dataclass(frozen=True, slots=True)
class Home:
    """All that a service is made of: its folder, its settings, its keys, and everything by which the world reaches it.

    `connect` opens the way to another service; `executor` runs the handlers; `opening` opens a store. `clock` is what
    it signs by, and may refuse to say (CLOCK_UNSURE); `wall` what its calls and its work are dated by (`clock` where
    none is given); `hear` takes what a peer has just signed as the present time. Making a service starts no thread and
    opens no connection but those of its stores.
    """

    folder: Path
    config: Mapping[str, Any]
    keystore: hsm.Keystore
    clock: Clock
    random: Random
    connect: Connect
    executor: Executor
    opening: Opening
    wall: Clock | None = None
    hear: Callable[[int], None] = lambda _time: None
    ticks: Callable[[], float] = time.monotonic
    """Seconds on a scale that nobody sets; the ends of calls are measured on it."""
    metrics: Metrics = field(default_factory=Metrics)
    process: Process = field(default_factory=Process)
    quotas: Quotas | None = None
    """What one caller may take; without, whatever it likes."""
    deltas: DeltaSizes = USUAL_SIZES
    """How much of the policy it gives and keeps."""
    at_once: AtOnce = in_turn
    """How it calls several other services."""
    is_ending: Callable[[], bool] = never
    """Once it says so, calls to other services end: nobody waits for their answers any more."""

    @property
    def machine(self) -> Clock:
        """``wall``, or else ``clock``."""
        return self.wall or self.clock

    @property
    def authority(self) -> str:
        """host:port, as clients name it in their calls: the setting ``authority`` where a proxy stands in front."""
        own = f"{self.config['host']}:{self.config['port']}"
        return str(self.config.get("authority", own))

    def signer(self, alias: str) -> Signer:
        sign = self.metrics.signing(alias, lambda message: self.keystore.sign(alias, message))
        return Signer(self.keystore.public_key(alias), sign)

    def made_signer(self, alias: str) -> Signer:
        """``signer`` of a key that is made where there is none; of several that make it at once one does."""
        try:
            if alias not in self.keystore.aliases():
                self.keystore.create_key(alias)
        except hsm.KeystoreError as error:
            if error.code is not hsm.KeystoreCode.ALIAS_EXISTS:
                raise
        return self.signer(alias)

    def health(self, *keys: Signers, store: Store | None = None) -> Health:
        """Whether this service can read its store, and sign with the keys that count now."""
        return Health(keys, self.random, self.machine, store)

    def store(self, kind: Kind, file: str) -> Store:
        """The role's own store: the setting ``database``, or else a file in the folder."""
        return self.opening(self.config.get("database", f"sqlite:{file}"), kind, self.folder)

    def nonces(self) -> Nonces:
        return Nonces(self._beside(NONCES, "nonces.db"))

    def trust(self, central_bank: Reader) -> PolicyCache:
        """What the service goes by, asked of `central_bank`; the setting ``root`` makes it good."""
        return PolicyCache(
            self._beside(TRUST, "trust.db"), self.key("root"), central_bank, self.hear, self.deltas
        )

    def heads(
        self, notaries: Sequence[Notary], peers: Mapping[str, Peer], directory: Callable[[], Directory]
    ) -> Heads:
        """The heads of the notaries' logs that are seen, of `notaries` and of `peers`."""
        return Heads(self._beside(HEADS, FILE), notaries, peers, directory)

    def _beside(self, kind: Kind, file: str) -> Store:
        url = beside(self.config.get("database", f"sqlite:{file}"), file)
        return self.opening(url, kind, self.folder)

    def own_keys(self, purpose: str, entries: Entries) -> OwnKeys:
        """The keys of a purpose, of which the directory lists ``entries``."""
        return OwnKeys(purpose, self.signer, self.made_signer, lambda: self.keystore.aliases(), entries)

    def line(self, url: str, signer: Signers, whole: float = WHOLE_BETWEEN_SERVICES) -> ServiceClient:
        """Calls to the service at `url`, signed by `signer`, each of `whole` seconds at most."""
        return ServiceClient(
            url,
            signer.key,
            lambda message: signer.calling(self.machine()).sign(message),
            self.machine,
            self.random,
            connect=self.connect,
            whole=whole,
            is_stopped=self.is_ending,
            now=self.ticks,
            signers=signer,
        )

    def key(self, name: str) -> bytes:
        """A key that the settings give in hexadecimal."""
        return bytes.fromhex(self.config[name])


@dataclass(frozen=True, slots=True)
class Service:
    """What a role makes of its home. `close` is called last, after the workers have stopped."""

    app: Starlette
    workers: Sequence[Worker] = ()
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Program:
    """A role: its name, the aliases of the keys it has, how it is put together, and by which settings."""

    name: str
    aliases: tuple[str, ...]
    build: Callable[[Home], Service]
    settings: tuple[Setting, ...] = ()
    """What it has beside those of every role; where `WORKERS` is among them, it may be several processes."""
    package: str = "ledger_sync"

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return f"{self.package}.{self.name.replace('-', '_')}"

    @property
    def known(self) -> tuple[Setting, ...]:
        """All its settings."""
        return (*COMMON, *self.settings)
