"""The typed route table: from it come the service's routes, its access rules and its OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ledger_sync.http.reading import FIRST
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal

BODY_TYPE: Final = "application/cbor"
MAX_BODY_BYTES: Final = 524_288
MAX_ROWS: Final = 16_384
"""That one body names, at most: a reference, the smallest of them, takes 35 bytes."""


class CallerKind(StrEnum):
    """Kind of a caller. PUBLIC: anyone, unsigned; NEWCOMER: anyone who signs, with a key that nobody knows yet."""

    PUBLIC = "public"
    NEWCOMER = "newcomer"
    CUSTOMER = "customer"
    BANK = "bank"
    CENTRAL_BANK = "central bank"
    NOTARY = "notary"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Caller of a route: `name` is a bank's id, a customer's account, or empty; `key` the 33 bytes that signed."""

    kind: CallerKind
    name: str
    key: bytes


Charge = Callable[[int], None]
"""Counts rows for a caller. BUSY."""


def free(_rows: int) -> None:
    """The `Charge` of whom nothing is counted for."""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """One call as its handler sees it: `value` is the decoded body (None for GET), `parameters` those of the path
    and the query, `reads` the kinds that the caller says it reads, `body` the bytes that came; `charge` counts rows
    that the body names, a transfer or a reference each, before anything becomes of them: BUSY where the caller has had
    its part."""

    caller: Caller
    value: Cbor
    parameters: Mapping[str, str] = field(default_factory=dict)
    reads: frozenset[str] = FIRST
    charge: Charge = free
    body: bytes = b""

    def number(self, name: str, most: int) -> int:
        """A query or path parameter as an integer from 0 to `max_bytes`; 0 where it is absent. MALFORMED."""
        text = self.parameters.get(name, "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= most):
            raise Refusal(Code.MALFORMED, {"parameter": name})
        return int(text)

    def octets(self, name: str, size: int) -> bytes:
        """A parameter written in hexadecimal, of `size` bytes. MALFORMED."""
        try:
            value = bytes.fromhex(self.parameters.get(name, ""))
        except ValueError as error:
            raise Refusal(Code.MALFORMED, {"parameter": name}) from error
        if len(value) != size:
            raise Refusal(Code.MALFORMED, {"parameter": name})
        return value


@dataclass(frozen=True, slots=True)
class Encoded:
    """An answer that is encoded already: `body` is deterministic CBOR."""

    body: bytes


Handler = Callable[[IncomingCall], Cbor | Encoded]
"""Runs in a thread of its own, may block, raises `Refusal`; what it returns is encoded as the answer."""

Identify = Callable[[bytes, int], Caller | None]
"""Who a 33-byte key is at a time (unix seconds), or None."""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` begins with /v1 and may have {names}. `request` and `response` say the CBOR shapes, in CDDL's manner;
    `max_bytes` is the largest body in bytes, `queries` the names that may stand in the query; `room` names
    whom the handler
    may have to wait for, empty where that is nobody; `is_undated`: a call may be dated anyhow and come again, for it
    changes nothing and its answer is for whoever asked alone."""

    method: str
    path: str
    callers: frozenset[CallerKind]
    handler: Handler
    summary: str
    response: str
    request: str = ""
    max_bytes: int = MAX_BODY_BYTES
    queries: tuple[str, ...] = ()
    room: str = ""
    is_undated: bool = False

    @property
    def has_body(self) -> bool:
        return self.method != "GET"


def openapi(title: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 description of a route table."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Qalta <base64url of a COSE_Sign1 over method, target, body digest, time, nonce, sender>",
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"call": scheme}, "schemas": {"Problem": _PROBLEM}},
    }


_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status", "code", "facts"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": [code.value for code in Code]},
        "facts": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    },
}


def _operation(route: Route) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": "Callers: " + ", ".join(sorted(route.callers)),
        "security": [] if CallerKind.PUBLIC in route.callers else [{"call": []}],
        "responses": {
            "200": {"description": route.response, "content": {BODY_TYPE: {"schema": {}}}},
            "default": {"description": "Refused", "content": problem},
        },
    }
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters = [_parameter(name, "path") for name in names] + [
        _parameter(name, "query") for name in route.queries
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.request:
        operation["requestBody"] = {
            "required": True,
            "description": route.request,
            "content": {BODY_TYPE: {"schema": {}}},
        }
    return operation


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
