"""A small service that may have several workers, and whoever starts it: ``python -m tests.support.crew --home DIR``.

Calls: ``/v1/who`` says which process answers; ``/v1/notes`` keeps a note, durably, before it answers; ``/v1/word``
signs with the service's key; ``/v1/slow`` makes the pipe ``go`` and answers once somebody has opened that to write.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from ledger_sync.http.call import Signer, sign_call
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.routes import Caller, CallerKind, IncomingCall, Route
from ledger_sync.service.home import Home, Program, Service
from ledger_sync.service.keys import make_keys
from ledger_sync.service.run import main
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.settings import WORKERS as WORKERS_SETTING
from tests.support.world import Key
from wallet.protocol import codec
from wallet.protocol.codec import Cbor

CALLER: Final = Key.of("operator")
WORKERS: Final = 2
PIN: Final = "a random PIN of the crew"
_SIGNED: Final = frozenset({CallerKind.OPERATOR})
_PUBLIC: Final = frozenset({CallerKind.PUBLIC})


def _build(home: Home) -> Service:
    notes = _notes(home.folder)
    lock = threading.Lock()
    signer = home.signer("crew")

    def note(incoming: IncomingCall) -> Cbor:
        with lock:
            sql = "insert into notes (note) values (?) on conflict do nothing"
            is_new = notes.execute(sql, (codec.octets(incoming.value),)).rowcount
        return [home.process.number, is_new]

    def slow(_incoming: IncomingCall) -> Cbor:
        os.mkfifo(home.folder / "go")
        (home.folder / "go").read_bytes()
        return home.process.number

    routes = (
        Route("GET", "/v1/who", _PUBLIC, lambda _: [home.process.number, os.getpid()], "Who", "[n, pid]"),
        Route("POST", "/v1/notes", _SIGNED, note, "Note", "[n, is new]", "bstr"),
        Route(
            "POST",
            "/v1/word",
            _SIGNED,
            lambda incoming: [signer.key, signer.sign(codec.octets(incoming.value))],
            "Sign",
            "[key, signature]",
            "bstr",
        ),
        Route("GET", "/v1/slow", _PUBLIC, slow, "Slow", "n", room="slow"),
    )
    nonces = home.nonces()
    gate = Authenticator(home.authority, _who, nonces, home.clock, home.machine)

    def close() -> None:
        notes.close()
        nonces.close()

    health = home.health(home.signer("crew"))
    app = build_app("crew", routes, gate, home.executor, metrics=home.metrics, health=health)
    return Service(app, (), close)


def _notes(folder: Path) -> sqlite3.Connection:
    notes = sqlite3.connect(folder / "notes.db", isolation_level=None, timeout=30, check_same_thread=False)
    notes.execute("pragma journal_mode = wal")
    notes.execute("pragma synchronous = full")
    notes.execute("create table if not exists notes (note blob primary key) without rowid")
    return notes


def _who(key: bytes, _now: int) -> Caller | None:
    return Caller(CallerKind.OPERATOR, "", key) if key == CALLER.public else None


PROGRAM: Final = Program("crew", ("crew",), _build, (WORKERS_SETTING,), package="tests.support")


class Crew:
    """The service in a folder: started, asked, killed."""

    def __init__(self, folder: Path, clock: Any) -> None:
        self.folder = folder
        self.clock = clock
        folder.mkdir()
        self.key = make_keys(folder, PIN, ["crew"], clock, os.urandom)["crew"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.settings(workers=WORKERS)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    def settings(self, **changes: Any) -> None:
        common = {"host": "127.0.0.1", "port": self.port, "operator": CALLER.public.hex()}
        (self.folder / "service.json").write_text(json.dumps({**common, **changes}))

    def start(self, pin: str = PIN) -> None:
        """By a PIN from a descriptor."""
        reading, writing = os.pipe()
        os.write(writing, pin.encode())
        os.close(writing)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.support.crew",
                    "--home",
                    str(self.folder),
                    "--pin-fd",
                    str(reading),
                ],
                pass_fds=(reading,),
                stderr=log,
            )
        os.close(reading)

    def client(self) -> ServiceClient:
        return ServiceClient(
            f"http://{self.authority}", CALLER.public, CALLER.sign, self.clock, os.urandom, timeout=30
        )

    def header(self, body: bytes, path: str = "/v1/notes") -> str:
        signer = Signer(CALLER.public, CALLER.sign)
        return sign_call("POST", self.authority + path, body, signer, self.clock, os.urandom)

    def pids(self) -> set[int]:
        """Of the workers that live."""
        assert self.process is not None
        pid = self.process.pid
        try:
            said = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return set()
        return {int(child) for child in said}

    def end(self) -> int:
        """As an operator ends it; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()

    def notes(self) -> set[bytes]:
        """What is on disk."""
        with contextlib.closing(_notes(self.folder)) as notes:
            return {note for (note,) in notes.execute("select note from notes")}


if __name__ == "__main__":
    sys.exit(main(PROGRAM))
