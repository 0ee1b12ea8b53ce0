"""The event loop's thread takes bytes and hands them on: nothing is verified, noted, decoded or answered in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.routes import Caller, CallerKind, IncomingCall, Route
from ledger_sync.service.nonces import Nonces
from ledger_sync.service.server import Authenticator, build_app
from tests.support.asgi import InProcess
from tests.support.inside import VERIFYING, watching
from tests.support.nonces import nonces_in_memory
from tests.support.world import NOW, Key
from wallet.protocol.codec import Cbor

R = TypeVar("R")
OPERATOR = Key.of("operator")


def echo(incoming: IncomingCall) -> Cbor:
    return incoming.value


class Executor:
    """Runs in the loop's own thread, and knows which part of it would not have."""

    def __init__(self) -> None:
        self.is_inside = False

    async def __call__(self, function: Callable[..., R], /, *values: Any, room: str = "") -> R:
        self.is_inside = True
        try:
            return function(*values)
        finally:
            self.is_inside = False


@pytest.mark.parametrize("size", [1, 100_000])
def test_all_of_a_call_but_its_bytes_is_the_executors(size: int) -> None:
    executor = Executor()
    who = Caller(CallerKind.OPERATOR, "", OPERATOR.public)
    gate = Authenticator("service.test", lambda _key, _now: who, nonces_in_memory(), lambda: NOW)
    route = Route("POST", "/v1/echo", frozenset({CallerKind.OPERATOR}), echo, "Echo", "any", "any")
    app = build_app("Stand", [route], gate, executor)
    client = ServiceClient(
        "http://service.test",
        OPERATOR.public,
        OPERATOR.sign,
        lambda: NOW,
        os.urandom,
        connect=lambda _: InProcess(app),
    )
    with watching(lambda: executor.is_inside, (VERIFYING, Nonces.remember.__code__, echo.__code__)) as seen:
        assert client.post("/v1/echo", bytes(size)) == bytes(size)
    assert seen == [(VERIFYING, True), (Nonces.remember.__code__, True), (echo.__code__, True)]
