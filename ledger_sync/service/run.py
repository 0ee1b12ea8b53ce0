"""A service as an operating system process: home folder, settings, keystore, HTTP on loopback, an orderly end.

Rule: the PIN comes from a file that only its owner may read, or a file descriptor, never from the command line.
SIGTERM ends the process only after the calls under way are answered and the keystore is locked.

`python -m ledger_sync.<role> --home DIR` serves; with `--make-keys` it makes the token and the role's keys if they
are missing, prints their public halves as JSON and ends.

The home folder holds `service.json` (host, port, `authority` where clients name another one, and what the role needs),
`pin` (mode 0600), `keystore/` and the role's databases.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

import hsm
from ledger_sync.http.call import Clock, Random, Signer
from ledger_sync.http.client import WHOLE_BETWEEN_SERVICES, Connect, ServiceClient, by_network
from ledger_sync.service.health import Health
from ledger_sync.service.keys import KEYSTORE, PIN, make_keys
from ledger_sync.service.log import write_bounded
from ledger_sync.service.nonces import Nonces
from ledger_sync.service.server import Executor
from ledger_sync.service.settings import read_json, sound
from ledger_sync.service.steady import SteadyClock
from ledger_sync.service.threads import Threads
from ledger_sync.service.wire import WireBounds, wire
from ledger_sync.service.worker import Worker

CONFIG: Final = "service.json"
_GRACE_SECONDS: Final = 5
_IDLE_SECONDS: Final = 30
_BACKLOG: Final = 512
"""Callers that wait to be let in. Python's loop without descriptors tries, and complains, so often a second."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Home:
    """All that a service is made of: its folder, its settings, its keys, and everything by which the world reaches it.

    `connect` opens the way to another service; `executor` runs the handlers; `open_nonces` opens the memory of
    answered calls in a file. `clock` is what it signs by, and may refuse to say (CLOCK_UNSURE); `wall` what its calls
    and its work are dated by (`clock` where none is given); `hear` takes what a peer has just signed as the present
    time. Making a service starts no thread and opens no connection.
    """

    folder: Path
    config: Mapping[str, Any]
    keystore: hsm.Keystore
    clock: Clock
    random: Random
    connect: Connect
    executor: Executor
    open_nonces: Callable[[Path], Nonces]
    wall: Clock | None = None
    hear: Callable[[int], None] = lambda _time: None
    ticks: Callable[[], float] = time.monotonic
    """Seconds on a scale that nobody sets; the ends of calls are measured on it."""

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
        return Signer(self.keystore.public_key(alias), lambda message: self.keystore.sign(alias, message))

    def made_signer(self, alias: str) -> Signer:
        """``signer`` of a key that is made where there is none; of several that make it at once one does."""
        try:
            if alias not in self.keystore.aliases():
                self.keystore.create_key(alias)
        except hsm.KeystoreError as error:
            if error.code is not hsm.KeystoreCode.ALIAS_EXISTS:
                raise
        return self.signer(alias)

    def health(self, *aliases: str) -> Health:
        """Whether this service can sign with these keys."""
        return Health([self.signer(alias) for alias in aliases], self.random)

    def nonces(self) -> Nonces:
        return self.open_nonces(self.folder / "nonces.db")

    def line(self, url: str, signer: Signer, whole: float = WHOLE_BETWEEN_SERVICES) -> ServiceClient:
        """Calls to the service at `url`, signed by `signer`, each of `whole` seconds at most."""
        return ServiceClient(
            url,
            signer.key,
            signer.sign,
            self.machine,
            self.random,
            connect=self.connect,
            whole=whole,
            now=self.ticks,
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
    """A role: its name, the aliases of the keys it has, and how it is put together."""

    name: str
    aliases: tuple[str, ...]
    build: Callable[[Home], Service]


def main(program: Program, arguments: Sequence[str] | None = None) -> int:
    """Run a role's process; gives its exit status: 0 after an orderly end, 1 if its keys could not be opened or one
    of its files is damaged."""
    try:
        return _run(program, arguments)
    except hsm.KeystoreError as error:
        return _ended(program, error)
    except (OSError, sqlite3.Error) as error:
        return _ended(program, hsm.fault_of(error) or error)


def _ended(program: Program, why: Exception) -> int:
    sys.stderr.write(f"{program.name}: {why}\n")
    return 1


def _run(program: Program, arguments: Sequence[str] | None) -> int:
    options = _parser(program).parse_args(arguments)
    write_bounded()
    folder: Path = options.home
    ending = _Ending()
    ending.watch()
    pin = (
        hsm.pin_from_file(folder / PIN) if options.pin_fd is None else hsm.pin_from_descriptor(options.pin_fd)
    )
    if options.make_keys:
        made = make_keys(folder, pin, program.aliases, _now, os.urandom)
        print(json.dumps({alias: key.hex() for alias, key in made.items()}))  # noqa: T201
        return 0
    config = read_json(folder / CONFIG)
    keystore = hsm.open_keystore(folder / KEYSTORE, pin, clock=_now, random=os.urandom)
    try:
        with sound(folder / CONFIG):
            config = {**config, "host": str(config["host"]), "port": int(config["port"])}
            steady = SteadyClock(folder, _now)
            home = Home(
                folder,
                config,
                keystore,
                steady,
                os.urandom,
                by_network,
                Threads(),
                Nonces,
                wall=_now,
                hear=steady.hear,
            )
            service = program.build(home)
        _serve(service, config, ending)
    finally:
        keystore.lock()
    _log.info("%s has ended", program.name)
    return 0


def _parser(program: Program) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m ledger_sync.{program.name.replace('-', '_')}")
    parser.add_argument("--home", type=Path, required=True, help="the service's folder")
    parser.add_argument("--pin-fd", type=int, help="read the PIN from this descriptor instead of HOME/pin")
    parser.add_argument(
        "--make-keys", action="store_true", help="make the keys, print their public halves, end"
    )
    return parser


def _now() -> int:
    """Unix seconds of this machine; a sandbox may set its services' clocks wrong by `QALTA_SERVICE_CLOCK_OFFSET`."""
    return int(time.time()) + int(os.environ.get("QALTA_SERVICE_CLOCK_OFFSET", "0"))


class _Ending:
    """Whether somebody has asked for the end. Watches before the keystore opens, which then calls it in turn."""

    def __init__(self) -> None:
        self._asked = False
        self._server: uvicorn.Server | None = None

    def watch(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def stops(self, server: uvicorn.Server) -> None:
        self._server = server
        server.should_exit = self._asked

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._server is not None:
            self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: uvicorn would raise them again before the keystore is locked."""
        yield


def _serve(service: Service, config: Mapping[str, Any], ending: _Ending) -> None:
    server = _Server(
        uvicorn.Config(
            service.app,
            host=config["host"],
            port=config["port"],
            http=wire(WireBounds.of_this_process()),
            ws="none",
            backlog=_BACKLOG,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_IDLE_SECONDS,
        )
    )
    ending.stops(server)
    try:
        for worker in service.workers:
            worker.start()
        asyncio.run(server.serve())
    finally:
        for worker in service.workers:
            worker.ask_to_stop()
        for worker in service.workers:
            worker.stop()
        service.close()
