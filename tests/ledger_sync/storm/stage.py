"""The services of a storm: processes over PostgreSQL, two workers for a bank and the notary, bad lines in between.

Rule: whatever ends is started again, as an init system would, and nothing else is done for it. A service listens
behind its line: everybody, the other services too, calls it by the line's address.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ledger_sync.processes import end, running, spawn
from ledger_sync.sandbox.making import SandboxOptions, make, module_environment
from ledger_sync.sandbox.network import HOST, Role, Station
from ledger_sync.sandbox.supervisor import State, await_ready, status
from tests.ledger_sync.storm import jumping
from tests.ledger_sync.storm.lines import CALL, Line, Network
from tests.ledger_sync.storm.stores import Stores
from tests.support.eventually import eventually
from tests.support.world import Key

CENTRAL_BANK: Final = "central-bank"
NAMES: Final = (CENTRAL_BANK, "notary", "alatau", "zhibek")
WORKERS: Final = 2
_ANY: Final = 1_000_000
"""Fundings a day: a few people pay for half an hour as a town does in days."""
AUDITOR: Final = Key.of("auditor of the storm")
_BEHIND: Final = "127.0.0.2"
"""Where services listen: the same port as their lines, at another address of this machine."""


class Stage:
    """All services, and what may be done to their processes. Made in ``home`` and not yet started."""

    def __init__(self, home: Path, stores: Stores, network: Network) -> None:
        self.stores = stores
        self.network = make(home, SandboxOptions(bank={"terms": {"fundings": _ANY}}))
        self.lines: dict[str, Line] = {}
        self.starts = 0
        self._down: set[str] = set()
        for station in self.network.stations:
            jumping.jump(self.folder(station.name), 0)
            front, back = (HOST, station.port), (_BEHIND, station.port)
            self.lines[station.name] = network.line(front, back, CALL)

    def folder(self, name: str) -> Path:
        return self.network.folder(self.network.station(name))

    def start(self) -> None:
        """All of them, until each is ready."""
        self.look_after()
        for station in self.network.stations:
            await_ready(self.network, station)

    def look_after(self) -> None:
        """What has ended is started again, unless it is to be down."""
        for station in self.network.stations:
            if station.name not in self._down and running(self.folder(station.name)) is None:
                module = f"{jumping.__name__}.{station.role.value}"
                folder = self.folder(station.name)
                environment = {
                    **module_environment(),
                    **self.stores.environment,
                    **self._settings(station),
                }
                spawn([sys.executable, "-m", module, "--home", str(folder)], folder, environment)
                self.starts += 1

    def _settings(self, station: Station) -> dict[str, str]:
        settings = {
            "host": _BEHIND,
            "authority": f"{HOST}:{station.port}",
            "database": self.stores.url(station.name),
        }
        if station.role is Role.CENTRAL_BANK:
            settings["auditors"] = json.dumps([AUDITOR.public.hex()])
        else:
            settings["workers"] = str(WORKERS)
        return {f"QALTA_SERVICE_{name.upper()}": value for name, value in settings.items()}

    def workers(self, name: str) -> list[int]:
        """The pids of those that live; the service's own, where it has none."""
        pid = running(self.folder(name))
        if pid is None:
            return []
        if name == CENTRAL_BANK:
            return [pid]
        with suppress(OSError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def processes(self, name: str) -> list[int]:
        """The pids of all of a service's processes, whoever starts the others first."""
        pid = running(self.folder(name))
        return [] if pid is None else list(dict.fromkeys([pid, *self.workers(name)]))

    def send(self, pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def down(self, name: str, number: signal.Signals, *, all_at_once: bool = True) -> None:
        """A service ends by this signal, to all of its processes or to the first alone, and stays so."""
        self._down.add(name)
        pids = self.processes(name)
        self.send(pids if all_at_once else pids[:1], number)
        if number is signal.SIGTERM:
            self.send(pids, signal.SIGCONT)  # as systemd does: what hangs hears nothing else
        eventually(lambda: running(self.folder(name)), lambda pid: pid is None)

    def up(self, name: str) -> None:
        self._down.discard(name)
        self.look_after()

    def mend(self) -> None:
        """Nothing is disturbed any more, and all are ready."""
        for name in NAMES:
            self.lines[name].release()
            jumping.jump(self.folder(name), 0)
            self.send(self.processes(name), signal.SIGCONT)
        for line in self.stores.lines.values():
            line.release()
        self.stores.mend()
        self._down.clear()
        for station in self.network.stations:
            eventually(lambda at=station: self._is_ready(at), bool)  # type: ignore[misc]

    def _is_ready(self, station: Station) -> bool:
        self.look_after()
        return all(
            one.state is State.READY for one in status(self.network.home) if one.station.name == station.name
        )

    def log(self, name: str) -> str:
        return (self.folder(name) / "log").read_text("utf-8", "replace")

    def stop(self) -> None:
        for name in NAMES:
            self.send(self.processes(name), signal.SIGKILL)
            end(self.folder(name), signal.SIGKILL, 20)


@contextmanager
def staged(home: Path, stores: Stores, network: Network) -> Iterator[Stage]:
    """Services that are ready, as long as the block lasts."""
    stage = Stage(home, stores, network)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()
