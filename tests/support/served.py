"""A service of three routes in a process of its own, with bounds so tight that a test need not wait long.

``python -m tests.support.served`` prints its port. ``/v1/open`` answers anybody, ``/v1/echo`` who signs, ``/v1/large``
gives a large answer, and ``/v1/slow`` waits in a room of its own until the process ends. ``/v1/uploads`` is for two
customers, each with a place only, and waits for ever where the body says so.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import Final, Self

import uvicorn

from ledger_sync.http.call import Signer
from ledger_sync.http.routes import Caller, CallerKind, IncomingCall, Route
from ledger_sync.service.quotas import Quotas
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.threads import Threads
from ledger_sync.service.wire import WireBounds, wire
from tests.support.nonces import nonces_in_memory
from tests.support.world import NOW, Key
from wallet.protocol.codec import Cbor

OPERATOR: Final = Key.of("operator")
CUSTOMERS: Final = (Key.of("ann"), Key.of("bob"))
WAIT: Final = "wait"
AUTHORITY: Final = "service.test"
LINES: Final = 16
THREADS: Final = 2
WAITING: Final = 3
LARGE: Final = 8_000_000
"""Bytes of the answer that no socket takes at once."""
_SIGNED: Final = frozenset({CallerKind.OPERATOR})
_CUSTOMER: Final = frozenset({CallerKind.CUSTOMER})
_PUBLIC: Final = frozenset({CallerKind.PUBLIC})


def signer() -> Signer:
    return Signer(OPERATOR.public, OPERATOR.sign)


def _slow(_incoming: IncomingCall) -> Cbor:
    threading.Event().wait()
    raise AssertionError


def _upload(incoming: IncomingCall) -> Cbor:
    return _slow(incoming) if incoming.value == WAIT else [incoming.caller.name, incoming.value]


def _routes() -> tuple[Route, ...]:
    return (
        Route("GET", "/v1/open", _PUBLIC, lambda _: "open", "Open", "tstr"),
        Route("GET", "/v1/large", _PUBLIC, lambda _: bytes(LARGE), "Large", "bstr"),
        Route("GET", "/v1/slow", _PUBLIC, _slow, "Slow", "any", room="partner"),
        Route("POST", "/v1/uploads", _CUSTOMER, _upload, "Upload", "any", "any", room="uploads"),
        Route("POST", "/v1/echo", _SIGNED, lambda incoming: incoming.value, "Echo", "any", "any"),
    )


def _who(key: bytes, _now: int) -> Caller | None:
    for customer in CUSTOMERS:
        if key == customer.public:
            return Caller(CallerKind.CUSTOMER, customer.name, key)
    return Caller(CallerKind.OPERATOR, "", key) if key == OPERATOR.public else None


def main() -> None:
    gate = Authenticator(AUTHORITY, _who, nonces_in_memory(), lambda: NOW)
    quotas = Quotas.of({"customer": {"places": 1}}, time.monotonic)
    threads = Threads(THREADS, WAITING, seconds=3_600)
    app = build_app("served", _routes(), gate, threads, quotas=quotas)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    bounds = WireBounds(header=0.5, body=0.5, answer=0.5, lines=LINES)
    config = uvicorn.Config(app, http=wire(bounds), log_config=None, timeout_keep_alive=1)
    uvicorn.Server(config).run(sockets=[listener])


class Served:
    """The process, for the length of a block; ``line`` is a new connection to it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.served"], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def descriptors(self) -> int:
        """How many the process holds."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def line(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port))
        line.settimeout(10)
        return line


if __name__ == "__main__":
    main()
