"""Processes of ours at the price of a fork: `python -m MODULE ARGUMENTS`, with the imports already done.

Rule: what is started is a process of its own, with the streams, descriptors, words, folder and environment that it was
given, and ends as any other does; it shares with others the imports alone. The process that forks has one thread, no
file and no PKCS#11 module, and ends with the worker it was started by, since it ends when its socket does.

    python -m tests.support.starter DESCRIPTOR    # that process; the socket is DESCRIPTOR
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final, Self, TextIO

ROOT: Final = Path(__file__).parents[2]
READ_LATE: Final = ("QALTA_", "PYTEST_", "SOFTHSM2_CONF")
"""How the names of variables begin that no import reads. Whoever needs others to differ starts a Python of its own."""
_SHARED: Final = (
    "app.cli.running",
    "app.wallets.sandbox_desk",
    "pkcs11._pkcs11",
    "wallet.transport.qr.picture",
    "wallet.transport.qr.reader",
    "ledger_sync.bank.program",
    "ledger_sync.central_bank.program",
    "ledger_sync.notary.service",
    "ledger_sync.service.run",
)
_MOST: Final = 64


def import_shared() -> None:
    """What commands and services import, save what is run itself, as `app.cli.main` is."""
    for name in _SHARED:
        import_module(name)
    commands = import_module("app.cli.commands")
    for found in pkgutil.iter_modules(commands.__path__):
        import_module(f"{commands.__name__}.{found.name}")


@dataclass(frozen=True)
class Started:
    """A process that was forked. It is not ours to reap: how it ends, the one that forked it tells."""

    pid: int
    told: TextIO

    def wait(self) -> int:
        """Its exit status; negative where a signal ended it."""
        with self.told:
            return int(self.told.readline())

    def leave(self) -> None:
        """Nobody will ask how it ended."""
        self.told.close()


class Starter:
    """The worker's side."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._at_once = threading.Lock()
        self.environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT)}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.starter", str(theirs.fileno())],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether imports made in this environment would have come out the same."""
        return _read_early(environment) == _read_early(self.environment)

    def start(
        self,
        module: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Mapping[int, int],
        *,
        has_own_session: bool = False,
    ) -> Started:
        """Fork `python -m module argv`, in this folder. ``descriptors``: its own, by their number there; 0 to 2 among
        them."""
        assert self.fits(environment)
        reading, writing = os.pipe()
        asked = _Asked(
            module, tuple(argv), dict(environment), str(Path.cwd()), tuple(descriptors), has_own_session
        )
        body = asked.written()
        try:
            with self._at_once:
                socket.send_fds(self._socket, [b"1"], [body, writing, *descriptors.values()])
        finally:
            os.close(body)
            os.close(writing)
        told = os.fdopen(reading)
        return Started(int(told.readline()), told)

    def end(self) -> None:
        self._socket.close()
        self.process.wait()


@cache
def starter() -> Starter:
    """This worker's, made by the first who asks."""
    made = Starter()
    atexit.register(made.end)
    return made


@dataclass(frozen=True)
class _Asked:
    """One process to be forked. ``numbers``: of its descriptors, in the order they are sent."""

    module: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    numbers: tuple[int, ...]
    has_own_session: bool

    def written(self) -> int:
        """A descriptor to read it from: it may be larger than what a socket takes at once."""
        body = os.memfd_create("asked")
        with open(body, "w", encoding="ascii", closefd=False) as stream:
            json.dump(vars(self), stream)
        return body

    @classmethod
    def read(cls, body: int) -> Self:
        os.lseek(body, 0, os.SEEK_SET)
        with open(body, encoding="ascii") as stream:
            return cls(**json.load(stream))

    def become(self, given: Sequence[int]) -> None:
        """Make this forked process the one that was asked for; then run it."""
        above = max(self.numbers) + 1
        moved = [fcntl.fcntl(one, fcntl.F_DUPFD, above) for one in given]
        for one in given:
            os.close(one)
        for one, number in zip(moved, self.numbers, strict=True):
            os.dup2(one, number)
            os.close(one)
        if self.has_own_session:
            os.setsid()
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv[1:] = self.argv
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


def _read_early(environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[Path, ...]]:
    """What imports may read, and where they look."""
    kept = {name: value for name, value in environment.items() if not name.startswith(READ_LATE)}
    places = filter(None, kept.pop("PYTHONPATH", "").split(os.pathsep))
    return kept, tuple(dict.fromkeys(Path(place).resolve() for place in places))


def _serve(worker: socket.socket) -> tuple[_Asked, list[int]] | None:
    """Fork what the worker asks for and tell it how each ended, until it is gone. Comes back with something to become
    in whatever was forked."""
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([worker.fileno(), *running], [], [])[0]:
            if ready in running:
                _tell_end(ready, *running.pop(ready))
                continue
            word, sent, _, _ = socket.recv_fds(worker, 1, _MOST)
            if not word:
                return None
            body, told, *given = sent
            asked, pid = _Asked.read(body), os.fork()
            if pid == 0:
                worker.close()
                for descriptor in (told, *running, *(one for _, one in running.values())):
                    os.close(descriptor)
                return asked, given
            for one in given:
                os.close(one)
            running[os.pidfd_open(pid)] = (pid, told)
            _tell(told, pid)


def _tell_end(watched: int, pid: int, told: int) -> None:
    os.close(watched)
    _tell(told, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(told)


def _tell(told: int, number: int) -> None:
    with suppress(BrokenPipeError):
        os.write(told, f"{number}\n".encode())


def main(descriptor: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_shared()
    import_module("app.catalogue").catalogue("en")
    gc.collect()
    gc.freeze()
    forked = _serve(socket.socket(fileno=int(descriptor)))
    if forked is not None:
        asked, given = forked
        asked.become(given)


if __name__ == "__main__":
    main(*sys.argv[1:])
