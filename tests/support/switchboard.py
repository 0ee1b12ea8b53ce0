"""A network and a power switch inside one process: calls run in the caller's thread, lines can be cut, and any durable
step can be made the last one of whoever takes it.

Rule: nothing here waits, sleeps or starts a thread, so a seeded run repeats exactly. ``Crash`` only EMULATES a kill (a
raised exception runs ``finally`` blocks, a SIGKILL does not): it explores many more steps than processes can; the real
kills are in the tests that start processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from hsm import failpoint

R = TypeVar("R")


class Crash(BaseException):
    """Emulated death at a durable step; a ``BaseException``, so that nobody who handles errors handles it."""


class Steps:
    """Watches the durable steps that are taken, and counts them."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._area = ""
        self.died_at: str | None = None
        self.seen: list[str] = []

    def _reached(self, name: str) -> None:
        if self._left is None or not name.startswith(self._area):
            return
        self.seen.append(name)
        self._left -= 1
        if self._left == 0:
            self._left = None
            self.died_at = name
            raise Crash(name)

    @contextmanager
    def crash_at(self, count: int, area: str = "") -> Iterator[None]:
        """The ``count``-th step in the block whose name begins with ``area`` is the last one of who takes it."""
        self._left, self._area, self.died_at = count, area, None
        self.seen = []
        with failpoint.watching(self._reached):
            yield


class Switchboard(httpx.BaseTransport):
    """Every host's application by its authority, and the state of the lines to it."""

    def __init__(self) -> None:
        self.applications: dict[str, Any] = {}
        self.dead: set[str] = set()
        self.on_crash: Callable[[str], None] = lambda host: None
        self.cut_after: int | None = None
        """So many calls from now a call is answered and its answer lost, and then no other gets through."""
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        host = request.url.netloc.decode("ascii")
        if host in self.dead or host not in self.applications or self.cut_after == 0:
            raise httpx.ConnectError("no line", request=request)
        try:
            response = answer(self.applications[host], request)
        except Crash as crash:
            self.dead.add(host)
            self.on_crash(host)
            raise httpx.ReadError(f"died at {crash}", request=request) from crash
        if host in self.dead:
            raise httpx.ReadError("died meanwhile", request=request)
        if self.cut_after is not None:
            self.cut_after -= 1
            if self.cut_after == 0:
                raise httpx.ReadError("the line was cut", request=request)
        return response

    @contextmanager
    def cut(self, after: int) -> Iterator[None]:
        """In the block the answer to the call number ``after`` is lost, and nothing gets through any more."""
        self.cut_after = after
        try:
            yield
        finally:
            self.cut_after = None


def answer(application: Any, request: httpx.Request) -> httpx.Response:
    """One request through an ASGI application, driven by hand: it must never wait for anything."""
    body = request.read()
    scope = {
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
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    call = application(scope, receive, send)
    try:
        call.send(None)
    except StopIteration:
        pass
    else:
        call.close()
        raise AssertionError("the application waits for something")
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], stream=httpx.ByteStream(content))


async def run_inline(function: Callable[..., R], *values: Any) -> R:
    """In the caller's own thread."""
    return function(*values)
