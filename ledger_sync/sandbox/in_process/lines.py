"""Connections inside one process: a call runs in its caller's thread, through the whole application of the callee.

Rule: nothing here waits, sleeps or starts a thread, so a run whose clocks and randomness are given repeats exactly.
Whatever a real network does to calls is a `Disturbance` of the connections that it is put on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

from ledger_sync.http.client import Connect

R = TypeVar("R")
Application = Callable[..., Any]
"""An ASGI application whose handlers run by `run_inline`."""
PORT: Final = 8_000


class Death(BaseException):
    """The emulated end of a service in the middle of a call; no handler of errors handles it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call on its way from `caller` to `callee`. Each `deliver` has it answered, anew."""

    caller: str
    callee: str
    request: httpx.Request
    deliver: Callable[[], httpx.Response]


Disturbance = Callable[[Exchange], httpx.Response]
"""What becomes of a call: an answer, or an `httpx.TransportError` where none comes."""


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    disturbance: Disturbance
    caller: str | None
    callee: str | None

    def concerns(self, caller: str, callee: str) -> bool:
        return self.caller in (None, caller) and self.callee in (None, callee)


class Lines:
    """Who is to be reached, and what happens on the way. Names are those of services and callers, not addresses."""

    def __init__(self, on_death: Callable[[str, Application], None]) -> None:
        """`on_death` hears the name of a service in which a call ended in `Death`, and in which application."""
        self._on_death = on_death
        self._applications: MutableMapping[str, deque[Application]] = {}
        self._placed: list[_Placed] = []

    def attach(self, name: str, *applications: Application) -> None:
        """From now on `name` answers, by these in turn."""
        self._applications[name] = deque(applications)

    def detach(self, name: str) -> None:
        """From now on nobody answers at `name`."""
        self._applications.pop(name, None)

    def connect(self, caller: str) -> Connect:
        """The connections of `caller`, for its `Home` or its `ServiceClient`."""
        return lambda _url: _Line(self, caller)

    @contextmanager
    def disturbed(
        self, disturbance: Disturbance, *, caller: str | None = None, callee: str | None = None
    ) -> Iterator[None]:
        """A block in which calls from `caller` to `callee` (None: of anybody) fare so."""
        lift = self.place(disturbance, caller=caller, callee=callee)
        try:
            yield
        finally:
            lift()

    def place(
        self, disturbance: Disturbance, *, caller: str | None = None, callee: str | None = None
    ) -> Callable[[], None]:
        """As `disturbed`, until what it gives is called; of several the one placed last is met first."""
        placed = _Placed(disturbance, caller, callee)
        self._placed.append(placed)
        return lambda: self._placed.remove(placed)

    def carry(self, caller: str, request: httpx.Request) -> httpx.Response:
        """The answer to a call, by way of all disturbances that concern it."""
        callee = request.url.host.partition(".")[0]

        def deliver() -> httpx.Response:
            return self._deliver(callee, request)

        for placed in self._placed:
            if placed.concerns(caller, callee):
                deliver = _by(placed.disturbance, Exchange(caller, callee, request, deliver))
        return deliver()

    def _deliver(self, callee: str, request: httpx.Request) -> httpx.Response:
        applications = self._applications.get(callee)
        if applications is None:
            raise httpx.ConnectError("nobody answers", request=request)
        applications.rotate(-1)
        application = applications[-1]
        try:
            response = answer(application, request)
        except Death as death:
            self._on_death(callee, application)
            raise httpx.ReadError(f"died at {death}", request=request) from death
        if application not in self._applications.get(callee, ()):
            raise httpx.ReadError("died meanwhile", request=request)
        return response


def _by(disturbance: Disturbance, exchange: Exchange) -> Callable[[], httpx.Response]:
    return lambda: disturbance(exchange)


class _Line(httpx.BaseTransport):
    def __init__(self, lines: Lines, caller: str) -> None:
        self._lines = lines
        self._caller = caller

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._lines.carry(self._caller, request)


def authority(name: str) -> str:
    """Where a service of that name is to be reached."""
    return f"{name}.test:{PORT}"


def url(name: str) -> str:
    return f"http://{authority(name)}"


async def run_inline(function: Callable[..., R], /, *values: Any, room: str = "") -> R:
    """An `Executor` that runs handlers in the caller's own thread."""
    return function(*values)


def answer(application: Application, request: httpx.Request) -> httpx.Response:
    """One request through an ASGI application that never waits for anything, driven by hand."""
    body = request.read()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    call = application(_scope(request), receive, send)
    try:
        call.send(None)
    except StopIteration:
        pass
    else:
        call.close()
        raise AssertionError("the application waits for something")
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], stream=httpx.ByteStream(content))


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 1),
    }
