"""A Starlette application out of a route table: bounded bodies, signed calls, typed problems.

Rule: the header is checked before a body is read, its signature, its sender and that one's quota too where the body may
be large and is not there yet; the size of a body before and while it is read; then that it is what was signed, and no
replay; only then is it decoded and the handler run, by the executor, in the room of the route. Signatures are verified
in a room of their own, so that who it is is known before anything else is waited for; what anybody may ask has another.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from hsm.storage import fault_of
from ledger_sync.database.store import StoreError
from ledger_sync.http.call import Clock, SignedCall, check_body, check_sender, read_call
from ledger_sync.http.peers import RemoteRefusal, is_asked_again
from ledger_sync.http.problems import AFTER, MEDIA_TYPE, busy, encode_problem, status_of
from ledger_sync.http.reading import FIRST, HEADER, read_kinds
from ledger_sync.http.routes import (
    BODY_TYPE,
    Caller,
    CallerKind,
    Charge,
    Encoded,
    Identify,
    IncomingCall,
    Route,
    free,
    openapi,
)
from ledger_sync.service.log import code_of
from ledger_sync.service.metrics import NO_ROUTE, OK, UNFINISHED, Metrics
from ledger_sync.service.nonces import Nonces
from ledger_sync.service.quotas import Quotas
from ledger_sync.service.threads import GATE, Further
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed

R = TypeVar("R")
_log: Final = logging.getLogger(__name__)
_SMALL: Final = 4_096
"""Bytes of a body that is waited for before its call's signature is checked."""
WHOLE: Final = "qalta.whole"
"""The extension of a call's scope that says that its body came with its header: nobody waits for it."""
_ANYBODY: Final = "anybody"
"""The room of routes that are open to anybody."""
_READY: Final = "ready"
"""The room in which it is looked whether the service can do what it is for: anybody may ask that."""
_STORE_SECONDS: Final = 1
"""After which a store that could not serve may again."""
_PEERS: Final = frozenset({CallerKind.BANK, CallerKind.CENTRAL_BANK})
_Endpoint = Callable[[Request], Awaitable[Response]]
_NOBODY: Final = Caller(CallerKind.PUBLIC, "", b"")


class Executor(Protocol):
    """Where handlers run, which may wait for disks and other services: not in the event loop's thread. Who waits in one
    `room` keeps nobody in another waiting."""

    async def __call__(self, function: Callable[..., R], /, *values: Any, room: str = "") -> R: ...


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticator of calls. `authority` is the host:port that clients name in their calls."""

    authority: str
    identify: Identify
    nonces: Nonces
    clock: Clock
    wall: Clock | None = None
    """What calls are compared with, where `clock` may refuse to say."""
    hear: Callable[[int], None] = lambda _time: None
    """Takes what a bank or the central bank has just dated a call by."""

    def read(self, route: Route, header: str | None, target: str) -> Signed[SignedCall] | None:
        """The call in `header`, None where `route` wants none. The codes of `read_call`."""
        if CallerKind.PUBLIC in route.callers:
            return None
        now = None if route.is_undated else self._now()
        return read_call(header, route.method, self.authority + target, now)

    def _now(self) -> int:
        return (self.wall or self.clock)()

    def recognise(self, route: Route, signed: Signed[SignedCall] | None) -> Caller:
        """Caller of a signed call, if it may take `route`. `Refusal`: AUTH_SIGNATURE, AUTH_FORBIDDEN, CLOCK_UNSURE."""
        if signed is None:
            return _NOBODY
        sender = check_sender(signed).sender
        caller = self.identify(sender, self._now()) or Caller(CallerKind.NEWCOMER, "", sender)
        if caller.kind not in route.callers and CallerKind.NEWCOMER in route.callers:
            caller = Caller(CallerKind.NEWCOMER, caller.name, sender)
        require(caller.kind in route.callers, Code.AUTH_FORBIDDEN)
        if caller.kind in _PEERS:
            self.hear(signed.body.time)
        self.clock()
        return caller

    def admit(self, route: Route, signed: Signed[SignedCall] | None, body: bytes) -> None:
        """Nothing, if this is the body that was signed, for the first time. AUTH_SIGNATURE, AUTH_REPLAYED."""
        if signed is not None:
            check_body(signed.body, body)
            if not route.is_undated:
                self.nonces.remember(signed.body, self._now())


def build_app(
    title: str,
    routes: Sequence[Route],
    gate: Authenticator,
    executor: Executor,
    ready: Callable[[], bool] = lambda: True,
    health: Callable[[], str | None] = lambda: None,
    metrics: Metrics | None = None,
    quotas: Quotas | None = None,
) -> Starlette:
    """The application: the table's routes, /v1/openapi.json, /healthz, /readyz. Without ``quotas`` nobody has one.

    /readyz is 200 once `ready()` and while `health()` gives no code; else 503, with `status` "starting" or "failing"
    and, of the latter, the `cause`; or BUSY, where too many ask at once. /healthz says only that the process answers.
    """
    description = json.dumps(openapi(title, routes)).encode()

    async def describe(_request: Request) -> Response:
        return Response(description, media_type="application/json")

    async def healthz(_request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def readyz(_request: Request) -> Response:
        try:
            cause = await executor(health, room=_READY)
            is_ready = cause is None and await executor(ready, room=_READY)
        except Refusal as refusal:
            return problem(refusal)
        if cause is not None:
            said = json.dumps({"status": "failing", "cause": cause})
            return Response(said, 503, media_type="application/json")
        if is_ready:
            return Response(b'{"status":"ready"}', media_type="application/json")
        return Response(b'{"status":"starting"}', 503, media_type="application/json")

    figures = metrics or Metrics()
    table = [_endpoint(route, gate, executor, figures, quotas) for route in routes]
    table += [
        StarletteRoute("/v1/openapi.json", describe),
        StarletteRoute("/healthz", healthz),
        StarletteRoute("/readyz", readyz),
    ]
    app = _Application(
        routes=table,
        exception_handlers={HTTPException: _http_problem(figures), Exception: _unforeseen},
    )
    app.router.redirect_slashes = False
    app.known = {
        (route.method, route.path): _first(table, route) for route in routes if "{" not in route.path
    }
    return app


class _Application(Starlette):
    """Starlette; but a call to a path of the table is found by that, and nothing else is tried for it."""

    known: Mapping[tuple[str, str], _Endpoint] = {}
    """By method and path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.known.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            answer = await endpoint(request)
        except Exception as error:  # noqa: BLE001
            answer = await _unforeseen(request, error)
        await answer(scope, receive, send)


def _first(table: Sequence[StarletteRoute], route: Route) -> _Endpoint:
    """What Starlette would find for a route whose path has no names."""
    asked = {"type": "http", "method": route.method, "path": route.path}
    found: _Endpoint = next(one.endpoint for one in table if one.matches(asked)[0] is Match.FULL)
    return found


def _endpoint(
    route: Route, gate: Authenticator, executor: Executor, metrics: Metrics, quotas: Quotas | None
) -> StarletteRoute:
    name = f"{route.method} {route.path}"
    is_public = CallerKind.PUBLIC in route.callers
    room = route.room or (_ANYBODY if is_public else "")
    most = route.max_bytes if route.has_body else 0

    async def endpoint(request: Request) -> Response:
        since, size, code = metrics.now(), 0, UNFINISHED
        visit = _Visit(route, gate, quotas, room)
        try:
            headers = request.headers
            visit.announced = _declared(headers.get("content-length", ""), most)
            require(visit.announced <= most, Code.TOO_LARGE, limit=most)
            visit.signed = gate.read(route, headers.get("authorization"), _target(request))
            is_there = WHOLE in request.scope.get("extensions", {})
            if visit.announced > _SMALL and not is_there and not is_public:
                await executor(visit.enter, room=GATE)
            visit.body = await _read(request.receive, most)
            size = visit.announced = len(visit.body)
            if request.scope["query_string"] or request.path_params:
                visit.parameters = {**request.query_params, **request.path_params}
            visit.reads = read_kinds(headers.get(HEADER))
            is_inside = is_public or visit.has_entered
            came = await executor(
                visit.answer if is_inside else visit.enter, room=room if is_inside else GATE
            )
            while isinstance(came, Further):
                came = await executor(came.function, room=came.room)
            code = OK
            return Response(came, media_type=BODY_TYPE)
        except Refusal as refusal:
            code = refusal.code.value
            _log.info("a call was refused", extra={"route": name, "code": code})
            return problem(refusal)
        finally:
            visit.taken.close()
            metrics.call(name, code, since, size)

    return StarletteRoute(route.path, endpoint, methods=[route.method])


def _target(request: Request) -> str:
    path: str = request.scope["raw_path"].decode("latin-1")
    query: str = request.scope["query_string"].decode("latin-1")
    return path + "?" + query if query else path


@dataclass(slots=True)
class _Visit:
    """A call on its way: by the gate, where it is found out whose it is and that one's part of the service is taken,
    into the room of its route."""

    route: Route
    gate: Authenticator
    quotas: Quotas | None
    room: str
    signed: Signed[SignedCall] | None = None
    announced: int = 0
    """Bytes of its body, as far as they are known."""
    body: bytes | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    reads: frozenset[str] = FIRST
    caller: Caller = _NOBODY
    charge: Charge = free
    has_entered: bool = False
    taken: ExitStack = field(default_factory=ExitStack)
    """What is given back once it is answered."""

    def enter(self) -> Further | None:
        """What is to be done next, where its body is there."""
        with _foreseen(self.route):
            self.caller = self.gate.recognise(self.route, self.signed)
            if self.quotas is not None:
                self.charge = self.taken.enter_context(self.quotas.taken(self.caller, self.announced))
        self.has_entered = True
        return None if self.body is None else Further(self.answer, self.room)

    def answer(self) -> bytes:
        route, body = self.route, self.body
        assert body is not None
        with self.taken, _foreseen(route):
            self.gate.admit(route, self.signed, body)
            value = codec.decode(body, route.max_bytes) if route.has_body else None
            incoming = IncomingCall(self.caller, value, self.parameters, self.reads, self.charge, body)
            answer = route.handler(incoming)
            return answer.body if isinstance(answer, Encoded) else codec.encode(answer)


@contextmanager
def _foreseen(route: Route) -> Iterator[None]:
    """A block that ends in nothing but a refusal that may be told."""
    try:
        yield
    except RemoteRefusal as refusal:
        if is_asked_again(refusal):
            # What another service says of our call to it is nothing about our caller's call to us.
            raise Refusal(Code.UNREACHABLE, {"because": refusal.code.value}) from refusal
        raise
    except Refusal:
        raise
    except Exception as error:
        raise _unable(f"{route.method} {route.path}", error) from error


def _unable(what: str, error: Exception) -> Refusal:
    """What a caller is told of a fault of this service, which is logged: BUSY where its storage is in the way, which
    passes once an operator has made room, or it cannot be reached, or did not say how a commit ended, which the same
    call again finds out; else INTERNAL."""
    if isinstance(error, StoreError):
        _log.error("a call failed", extra={"route": what, "code": code_of(error)})
        return busy(_STORE_SECONDS)
    fault = fault_of(error) if isinstance(error, OSError | sqlite3.Error) else None
    if fault is None:
        _log.error("a call failed", exc_info=error, extra={"route": what})
        return Refusal(Code.INTERNAL)
    _log.error("a call failed", extra={"route": what, "code": fault.code})
    return Refusal(Code.BUSY, {"cause": fault.code.value})


def _declared(said: str, most: int) -> int:
    """Bytes of the body, as far as its header says; as many as there may be, where it does not."""
    if not (said.isascii() and said.isdigit()):
        return most
    return int(said) if len(said) <= 12 else most + 1


async def _read(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size, is_whole = 0, False
    while not is_whole:
        came = await receive()
        require(came["type"] == "http.request", Code.UNREACHABLE)
        part, is_whole = came.get("body", b""), not came.get("more_body", False)
        size += len(part)
        require(size <= most, Code.TOO_LARGE, limit=most)
        parts.append(part)
    return b"".join(parts)


def problem(refusal: Refusal) -> Response:
    """A refusal as the response it is on the wire; with ``Retry-After`` (RFC 9110, 10.2.3) where it says when."""
    after = refusal.facts.get(AFTER)
    headers = None if after is None else {"retry-after": str(after)}
    return Response(encode_problem(refusal), status_of(refusal.code), headers, media_type=MEDIA_TYPE)


def _http_problem(metrics: Metrics) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answered(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        codes = {404: Code.NOT_FOUND, 405: Code.METHOD_UNKNOWN}
        code = codes.get(status, Code.MALFORMED)
        metrics.call(NO_ROUTE, code.value, metrics.now(), 0)
        return problem(Refusal(code))

    return answered


async def _unforeseen(_request: Request, error: Exception) -> Response:
    return problem(_unable("unforeseen", error))
