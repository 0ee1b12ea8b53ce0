"""A Starlette application out of a route table: bounded bodies, signed calls, typed problems.

Rule: the header is checked before a body is read, its signature and its sender too where the body may be large; the
size of a body before and while it is read; then that it is what was signed, and no replay; only then is it decoded and
the handler run, by the executor, in the room of the route.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from hsm.storage import fault_of
from ledger_sync.http.call import Clock, SignedCall, check_body, check_sender, read_call
from ledger_sync.http.peers import RemoteRefusal, is_asked_again
from ledger_sync.http.problems import MEDIA_TYPE, encode_problem, status_of
from ledger_sync.http.reading import HEADER, read_kinds
from ledger_sync.http.routes import (
    BODY_TYPE,
    Caller,
    CallerKind,
    Encoded,
    Identify,
    IncomingCall,
    Route,
    openapi,
)
from ledger_sync.service.nonces import Nonces
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed

R = TypeVar("R")
_log: Final = logging.getLogger(__name__)
_SMALL: Final = 4_096
"""Bytes of a body that is read before its call's signature is checked."""
_PEERS: Final = frozenset({CallerKind.BANK, CallerKind.CENTRAL_BANK})
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
) -> Starlette:
    """The application: the table's routes, /v1/openapi.json, /healthz, /readyz.

    /readyz is 200 once `ready()` and while `health()` gives no code; else 503, with `status` "starting" or "failing"
    and, of the latter, the `cause`. /healthz says only that the process answers.
    """
    description = json.dumps(openapi(title, routes)).encode()

    async def describe(_request: Request) -> Response:
        return Response(description, media_type="application/json")

    async def healthz(_request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def readyz(_request: Request) -> Response:
        cause = await executor(health)
        if cause is not None:
            said = json.dumps({"status": "failing", "cause": cause})
            return Response(said, 503, media_type="application/json")
        if await executor(ready):
            return Response(b'{"status":"ready"}', media_type="application/json")
        return Response(b'{"status":"starting"}', 503, media_type="application/json")

    table = [_endpoint(route, gate, executor) for route in routes]
    table += [
        StarletteRoute("/v1/openapi.json", describe),
        StarletteRoute("/healthz", healthz),
        StarletteRoute("/readyz", readyz),
    ]
    app = Starlette(
        routes=table,
        exception_handlers={HTTPException: _http_problem, Exception: _unforeseen},
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(route: Route, gate: Authenticator, executor: Executor) -> StarletteRoute:
    async def endpoint(request: Request) -> Response:
        try:
            most = route.max_bytes if route.has_body else 0
            _check_declared(request, most)
            signed = gate.read(route, request.headers.get("authorization"), _target(request))
            caller = None
            if _may_be_large(request, route):
                caller = await executor(gate.recognise, route, signed)
            body = await _read(request, most)
            parameters = {**request.query_params, **request.path_params}
            reads = read_kinds(request.headers.get(HEADER))
            values = (signed, caller, parameters, body, reads)
            answer = await executor(_answer, route, gate, *values, room=route.room)
            return Response(answer, media_type=BODY_TYPE)
        except Refusal as refusal:
            return problem(refusal)

    return StarletteRoute(route.path, endpoint, methods=[route.method])


def _target(request: Request) -> str:
    path: str = request.scope["raw_path"].decode("latin-1")
    query: str = request.scope["query_string"].decode("latin-1")
    return path + "?" + query if query else path


def _may_be_large(request: Request, route: Route) -> bool:
    """Whether nothing says that the body will be small."""
    declared = request.headers.get("content-length", "")
    is_said = declared.isascii() and declared.isdigit() and len(declared) <= len(str(_SMALL))
    return route.has_body and route.max_bytes > _SMALL and not (is_said and int(declared) <= _SMALL)


def _answer(
    route: Route,
    gate: Authenticator,
    signed: Signed[SignedCall] | None,
    caller: Caller | None,
    parameters: Mapping[str, str],
    body: bytes,
    reads: frozenset[str],
) -> bytes:
    try:
        known = gate.recognise(route, signed) if caller is None else caller
        gate.admit(route, signed, body)
        value = codec.decode(body, route.max_bytes) if route.has_body else None
        answer = route.handler(IncomingCall(known, value, parameters, reads))
        return answer.body if isinstance(answer, Encoded) else codec.encode(answer)
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
    passes once an operator has made room; else INTERNAL."""
    fault = fault_of(error) if isinstance(error, OSError | sqlite3.Error) else None
    if fault is None:
        _log.error("%s", what, exc_info=error)
        return Refusal(Code.INTERNAL)
    _log.error("%s: %s", what, fault)
    return Refusal(Code.BUSY, {"cause": fault.code.value})


def _check_declared(request: Request, most: int) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit():
        require(len(declared) <= 12 and int(declared) <= most, Code.TOO_LARGE, limit=most)


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            require(size <= most, Code.TOO_LARGE, limit=most)
            parts.append(part)
    except ClientDisconnect as error:
        raise Refusal(Code.UNREACHABLE) from error
    return b"".join(parts)


def problem(refusal: Refusal) -> Response:
    """A refusal as the response it is on the wire."""
    return Response(encode_problem(refusal), status_of(refusal.code), media_type=MEDIA_TYPE)


async def _http_problem(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    codes = {404: Code.NOT_FOUND, 405: Code.METHOD_UNKNOWN}
    return problem(Refusal(codes.get(status, Code.MALFORMED)))


async def _unforeseen(_request: Request, error: Exception) -> Response:
    return problem(_unable("unforeseen", error))
