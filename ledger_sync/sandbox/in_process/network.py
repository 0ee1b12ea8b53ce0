"""A whole network in one process: central bank, notary and banks out of the code that real processes run.

Rule: everything is the real thing (applications, stores, workers, signed calls) but for connections, clocks, chance
and keystores, which are given. Nothing runs by itself: workers make a round when `work` is called. Each service has
a folder of its own, as in a sandbox of processes, and may be stopped, started again and put back from a backup.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import ledger_sync.bank.program as bank_program
import ledger_sync.central_bank.program as central_bank_program
import ledger_sync.notary.service as notary_program
from hsm.memory import MemoryKeystore
from ledger_sync import hearing
from ledger_sync.http.call import Clock, Random, Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.sandbox.in_process.disturbances import cut
from ledger_sync.sandbox.in_process.lines import Death, Lines, authority, run_inline, url
from ledger_sync.service.nonces import Nonces
from ledger_sync.service.run import Home, Program, Service
from ledger_sync.service.steady import SteadyClock
from wallet.protocol.bounds import DAY
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal

CENTRAL_BANK: Final = "central-bank"
NOTARY: Final = "notary"
OPERATOR: Final = "operator"
"""The caller of the operator's calls, and the alias of its key."""
_TRUST: Final = "trust"
"""The worker by which a service learns the directory, without which it serves nobody."""
_KEYS_GOOD_BEFORE: Final = 365 * DAY
Chance = Callable[[str], Random]
"""A source of random bytes of its own for each use of that name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a network is founded with: its banks, tiyn that each is issued, terms of the central bank, and settings
    that every bank gets besides its own. Of the `absent` banks only key and address are known: whoever `attach`es
    there answers for them. ``is_steady``: services sign by a `SteadyClock`, as processes do; a test that lets weeks
    pass must have them hear of each other then (`work`)."""

    banks: tuple[str, ...] = ("alatau", "zhibek")
    grant: int = 1_000_000_000_000
    terms: Mapping[str, Any] = field(default_factory=dict)
    bank: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    is_steady: bool = False


class InProcessNetwork:
    """The services, and what may happen to them. `clock` is everybody's, a service's may be `ahead` of it."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        chance: Chance,
        plan: Plan | None = None,
        keystores: Mapping[str, MemoryKeystore] | None = None,
    ) -> None:
        """`keystores` are those of services and operator that have their keys already; the others are made."""
        self.folder = folder
        self.plan = plan or Plan()
        self.ahead: dict[str, int] = {}
        self.lines = Lines(self._died)
        self.homes: dict[str, Home] = {}
        self.running: dict[str, Service] = {}
        self.central_bank: central_bank_program.Assembled
        self.banks: dict[str, bank_program.Assembled] = {}
        """The parts of what runs."""
        self.deaths = 0
        self._base_clock = clock
        self._chance = chance
        self.programs: dict[str, Program] = {
            CENTRAL_BANK: central_bank_program.PROGRAM,
            NOTARY: notary_program.PROGRAM,
            **dict.fromkeys(self.plan.banks, bank_program.PROGRAM),
        }
        """By the name of each service, absent banks' included."""
        given = keystores or {}
        self.keystores = {
            name: given.get(name) or MemoryKeystore(chance(f"keys of {name}"), pin="")
            for name in (*self.programs, OPERATOR)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The services that are run here, in the order in which they start."""
        return tuple(name for name in self.programs if name not in self.plan.absent)

    @property
    def root(self) -> bytes:
        """The key that wallets pin."""
        return self.keystores[CENTRAL_BANK].public_key("root")

    def clock(self, name: str) -> Clock:
        """What `name`, a service or anybody else, takes for the time."""
        return lambda: self._base_clock() + self.ahead.get(name, 0)

    def ticks(self) -> float:
        """What the ends of calls are measured on: everybody's clock, whatever anyone takes for the time."""
        return float(self._base_clock())

    def signer(self, name: str, alias: str) -> Signer:
        """A key of a service or the operator."""
        keystore = self.keystores[name]
        return Signer(keystore.public_key(alias), lambda message: keystore.sign(alias, message))

    # beginning and end

    def found(self) -> None:
        """Make keys and settings, start everybody, give each bank its grant; over stores that are there already, go on
        with these. No other work is done yet."""
        self._make_keys()
        for name in self.names:
            self.homes[name] = self._home(name, self._config(name))
            self.start(name)
            for worker in self.running[name].workers:
                if worker.name == _TRUST:
                    self._round(name, worker.step)
        self._let_hear()
        for bank in self.plan.banks if self.plan.grant else ():
            self.operate(CENTRAL_BANK, "/v1/issues", [named(f"grant {bank}"), bank, self.plan.grant])

    def copy(self, folder: Path, clock: Clock, chance: Chance) -> InProcessNetwork:
        """Another network that goes on where this one is now, over `folder`, which is a copy of this one's."""
        keystores = {
            name: keystore.clone(random=chance(f"keys of {name}"))
            for name, keystore in self.keystores.items()
        }
        other = InProcessNetwork(folder, clock, chance, self.plan, keystores)
        other.ahead.update(self.ahead)
        for name, home in self.homes.items():
            other.homes[name] = other._home(name, home.config)
            other.start(name)
        return other

    def close(self) -> None:
        """Everybody ends in order."""
        for name in tuple(self.running):
            self.stop(name)

    def start(self, name: str) -> None:
        """Bring a service up over what is on its disk."""
        self.running[name] = self._build(name)
        self.lines.attach(name, self.running[name].app)
        self._let_hear()

    def _let_hear(self) -> None:
        """As soon as everybody is there, central bank and notary have heard what they once said."""
        for name in (CENTRAL_BANK, NOTARY):
            service = self.running.get(name)
            for worker in () if service is None else service.workers:
                if worker.name == hearing.WORKER:
                    self._round(name, worker.step)

    def _build(self, name: str) -> Service:
        home = self.homes[name]
        if name == CENTRAL_BANK:
            self.central_bank = central_bank_program.assemble(home)
            return self.central_bank.service
        if name == NOTARY:
            return notary_program.build(home)
        self.banks[name] = bank_program.assemble(home)
        return self.banks[name].service

    def stop(self, name: str) -> None:
        """Nobody reaches it any more; its disk stays."""
        self.lines.detach(name)
        service = self.running.pop(name, None)
        if service is not None:
            service.close()

    def restart(self, name: str, **settings: Any) -> None:
        """A service ends in order and starts again, with these settings changed."""
        self.stop(name)
        home = self.homes[name]
        self.homes[name] = replace(home, config={**home.config, **settings})
        self.start(name)

    def revive(self) -> None:
        """Start whatever has stopped or died."""
        for name in self.names:
            if name not in self.running:
                self.start(name)

    def _died(self, name: str) -> None:
        self.deaths += 1
        self.stop(name)

    # backups

    def back_up(self, name: str, to: Path) -> None:
        """Copy what a stopped service has on its disk; it goes on afterwards."""
        self.stop(name)
        shutil.copytree(self.folder / name, to)
        self.start(name)

    def put_back(self, name: str, backup: Path) -> None:
        """A service goes on from an older disk; its keystore is as it was."""
        self.stop(name)
        shutil.rmtree(self.folder / name)
        shutil.copytree(backup, self.folder / name)
        self.start(name)

    # work and calls

    def work(self, *names: str) -> None:
        """One round of every worker of these services (of all, if none is named); what is refused ends its round."""
        for name in names or self.names:
            service = self.running.get(name)
            for worker in () if service is None else service.workers:
                if self.running.get(name) is service:
                    self._round(name, worker.step)

    def _round(self, name: str, step: Callable[[], None]) -> None:
        try:
            with suppress(Refusal):
                step()
        except Death:
            self._died(name)

    def operate(self, name: str, path: str, value: Cbor = None) -> Any:
        """A call of the operator; a GET where there is no value."""
        client = self.line(OPERATOR, name, self.signer(OPERATOR, OPERATOR))
        return client.get(path) if value is None else client.post(path, value)

    def line(self, caller: str, callee: str, signer: Signer, clock: Clock | None = None) -> ServiceClient:
        """Calls of anybody, dated by that caller's clock or by the one given, to a service."""
        return ServiceClient(
            url(callee),
            signer.key,
            signer.sign,
            clock or self.clock(caller),
            self._chance("line"),
            connect=self.lines.connect(caller),
            now=self.ticks,
        )

    @contextmanager
    def offline(self, *names: str) -> Iterator[None]:
        """A block in which nobody reaches these services (any, if none is named)."""
        with ExitStack() as cuts:
            for callee in names or (None,):
                cuts.enter_context(self.lines.disturbed(cut, callee=callee))
            yield

    # founding

    def _make_keys(self) -> None:
        for name, program in self.programs.items():
            self._make_missing(name, program.aliases)
        self._make_missing(OPERATOR, (OPERATOR,))

    def _make_missing(self, name: str, aliases: tuple[str, ...]) -> None:
        for alias in aliases:
            if alias not in self.keystores[name].aliases():
                self.keystores[name].create_key(alias)

    def _home(self, name: str, config: Mapping[str, Any]) -> Home:
        folder, clock = self.folder / name, self.clock(name)
        folder.mkdir(parents=True, exist_ok=True)
        steady = SteadyClock(folder, clock)
        return Home(
            folder,
            config,
            self.keystores[name],
            steady if self.plan.is_steady else clock,
            self._chance(f"chance of {name}"),
            self.lines.connect(name),
            run_inline,
            Nonces,
            wall=clock,
            hear=steady.hear,
            ticks=self.ticks,
        )

    def _config(self, name: str) -> dict[str, Any]:
        host, _, port = authority(name).partition(":")
        usual = {
            "host": host,
            "port": int(port),
            "root": self.root.hex(),
            "operator": self.keystores[OPERATOR].public_key(OPERATOR).hex(),
        }
        if name == CENTRAL_BANK:
            return {**usual, **self._founding()}
        partners = {"central_bank": url(CENTRAL_BANK), "notary": url(NOTARY)}
        banks = {bank: url(bank) for bank in self.plan.banks}
        if name == NOTARY:
            witnesses = {bank: at for bank, at in banks.items() if bank not in self.plan.absent}
            return {**usual, **partners, "banks": witnesses}
        return {**usual, **partners, "bank": name, "name": name.title(), "banks": banks, **self.plan.bank}

    def _founding(self) -> dict[str, Any]:
        banks = [
            {
                "id": bank,
                "name": bank.title(),
                "key": self.keystores[bank].public_key("bank").hex(),
                "url": url(bank),
            }
            for bank in self.plan.banks
        ]
        notary = {"url": url(NOTARY), "key": self.keystores[NOTARY].public_key("notary").hex()}
        witnesses = [bank for bank in self.plan.banks if bank not in self.plan.absent]
        since = self._base_clock() - _KEYS_GOOD_BEFORE
        return {
            "banks": banks,
            "notary": notary,
            "since": since,
            "witnesses": witnesses,
            "terms": dict(self.plan.terms),
        }


def named(text: str) -> bytes:
    """An idempotency key that stands for a text, the same in every run."""
    return hashlib.sha256(text.encode()).digest()[:16]
