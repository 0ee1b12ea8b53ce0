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
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import ledger_sync.bank.program as bank_program
import ledger_sync.central_bank.program as central_bank_program
import ledger_sync.notary.service as notary_program
from hsm.memory import MemoryKeystore
from ledger_sync import hearing
from ledger_sync.database.opening import open_store
from ledger_sync.http.call import Clock, Random, Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.sandbox.in_process.disturbances import cut
from ledger_sync.sandbox.in_process.founding import CENTRAL_BANK, OPERATOR, Plan, settings_of
from ledger_sync.sandbox.in_process.lines import Death, Lines, run_inline, url
from ledger_sync.service.home import Home, Program, Service
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.process import OwnFlags, Process
from ledger_sync.service.steady import SteadyClock
from ledger_sync.service.worker import Worker
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal

_TRUST: Final = "trust"
"""The worker by which a service learns the directory, without which it serves nobody."""
Chance = Callable[[str], Random]
"""A source of random bytes of its own for each use of that name."""


class InProcessNetwork:
    """The services, and what may happen to them. `clock` is everybody's, a service's may be `ahead` of it."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        chance: Chance,
        plan: Plan | None = None,
        keystores: Mapping[str, MemoryKeystore] | None = None,
        clone: Callable[[str], str] | None = None,
    ) -> None:
        """`keystores` are those of services and operator that have their keys already; the others are made. `clone`
        copies a database that nobody is connected to, and gives the copy's URL: for those that the plan names."""
        self.folder = folder
        self.plan = plan or Plan()
        self.ahead: dict[str, int] = {}
        self.lines = Lines(self._died)
        self.homes: dict[str, Home] = {}
        self.running: dict[str, Service] = {}
        """What runs; of several workers the first."""
        self._crews: dict[str, dict[int, Service]] = {}
        """All processes of each, by their numbers."""
        self._flags: dict[str, OwnFlags] = {}
        self.central_bank: central_bank_program.Assembled
        self.banks: dict[str, bank_program.Assembled] = {}
        """The parts of what runs."""
        self.deaths = 0
        self._clone = clone
        self._copies: dict[Path, str] = {}
        self._base_clock = clock
        self._chance = chance
        self.programs: dict[str, Program] = {
            CENTRAL_BANK: central_bank_program.PROGRAM,
            **dict.fromkeys(self.plan.notaries, notary_program.PROGRAM),
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
            self.homes[name] = self._home(
                name, settings_of(name, self.plan, self.keystores, self._base_clock())
            )
            self.start(name)
            for service, worker in self._workers(name):
                if worker.name == _TRUST:
                    self._round(name, service, worker.step)
        self._let_hear()
        for bank in self.plan.banks if self.plan.grant else ():
            self.operate(CENTRAL_BANK, "/v1/issues", [named(f"grant {bank}"), bank, self.plan.grant])

    def copy(
        self, folder: Path, clock: Clock, chance: Chance, clone: Callable[[str], str] | None = None
    ) -> InProcessNetwork:
        """Another network that goes on where this one is now, over `folder`, which is a copy of this one's. Its
        databases, if any, are made by `clone`."""
        keystores = {
            name: keystore.clone(random=chance(f"keys of {name}"))
            for name, keystore in self.keystores.items()
        }
        other = InProcessNetwork(folder, clock, chance, self.plan, keystores, clone)
        other.ahead.update(self.ahead)
        for name, home in self.homes.items():
            other.homes[name] = other._home(name, other._with_copy(home.config))
            other.start(name)
        return other

    def close(self) -> None:
        """Everybody ends in order."""
        for name in tuple(self.running):
            self.stop(name)

    def start(self, name: str) -> None:
        """Bring a service up over what is on its disk."""
        several = self.plan.workers if name != CENTRAL_BANK else 1
        self._flags[name] = OwnFlags()  # what the processes know ends with them
        self._crews[name] = {number: self._worker(name, number) for number in range(several, 0, -1)}
        self._serve(name)
        self._let_hear()

    def _worker(self, name: str, number: int) -> Service:
        """A process of a service; one beside the first has its own clock and figures."""
        home = replace(self.homes[name], process=Process(number, self._flags[name]))
        if number > 1:
            steady = SteadyClock(home.folder, self.clock(name))
            home = replace(home, metrics=Metrics(), hear=steady.hear)
            home = replace(home, clock=steady) if self.plan.is_steady else home
        return self._build(name, home)

    def _serve(self, name: str) -> None:
        """All workers of a service answer, and the first is who is shown."""
        crew = self._crews[name]
        self.running[name] = crew[1]
        self.lines.attach(name, *(service.app for service in crew.values()))

    def _let_hear(self) -> None:
        """As soon as everybody is there, each has heard what it once said, or was told."""
        for name in self.names:
            for service, worker in self._workers(name):
                if worker.name == hearing.WORKER:
                    self._round(name, service, worker.step)

    def _workers(self, name: str) -> list[tuple[Service, Worker]]:
        """What works in the background of a service that runs, in all of its processes."""
        crew = self._crews[name].values() if name in self.running else ()
        return [(service, worker) for service in crew for worker in service.workers]

    def _build(self, name: str, home: Home) -> Service:
        if name == CENTRAL_BANK:
            self.central_bank = central_bank_program.assemble(home)
            return self.central_bank.service
        if name in self.plan.notaries:
            return notary_program.build(home)
        assembled = bank_program.assemble(home)
        if home.process.is_first:
            self.banks[name] = assembled
        return assembled.service

    def stop(self, name: str) -> None:
        """Nobody reaches it any more; its disk stays."""
        self.lines.detach(name)
        if self.running.pop(name, None) is not None:
            for service in self._crews[name].values():
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

    def _died(self, name: str, application: object) -> None:
        """A process of a service has; one of several is replaced under its number, and the others go on."""
        self.deaths += 1
        crew = self._crews[name]
        dead = next((number for number, service in crew.items() if service.app is application), None)
        if len(crew) == 1:
            self.stop(name)
        elif dead is not None and name in self.running:
            crew[dead].close()
            crew[dead] = self._worker(name, dead)
            self._serve(name)

    # backups

    def back_up(self, name: str, to: Path) -> None:
        """Copy what a stopped service has on its disk; it goes on afterwards."""
        self.stop(name)
        shutil.copytree(self.folder / name, to)
        if "database" in self.homes[name].config:
            self._copies[to] = self._with_copy(self.homes[name].config)["database"]
        self.start(name)

    def put_back(self, name: str, backup: Path) -> None:
        """A service goes on from an older disk; its keystore is as it was."""
        self.stop(name)
        shutil.rmtree(self.folder / name)
        shutil.copytree(backup, self.folder / name)
        if backup in self._copies:
            home = self.homes[name]
            config = self._with_copy({**home.config, "database": self._copies[backup]})
            self.homes[name] = replace(home, config=config)
        self.start(name)

    def _with_copy(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings that name a copy of the database that these name, if they do."""
        if "database" not in config:
            return config
        assert self._clone is not None, "who has databases can copy them"
        return {**config, "database": self._clone(config["database"])}

    # work and calls

    def work(self, *names: str) -> None:
        """One round of every worker of these services (of all, if none is named); what is refused ends its round."""
        for name in names or self.names:
            for service, worker in self._workers(name):
                if name in self.running and service in self._crews[name].values():
                    self._round(name, service, worker.step)

    def _round(self, name: str, service: Service, step: Callable[[], None]) -> None:
        try:
            with suppress(Refusal):
                step()
        except Death:
            self._died(name, service.app)

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
            open_store,
            wall=clock,
            hear=steady.hear,
            ticks=self.ticks,
            deltas=self.plan.deltas,
        )


def named(text: str) -> bytes:
    """An idempotency key that stands for a text, the same in every run."""
    return hashlib.sha256(text.encode()).digest()[:16]
