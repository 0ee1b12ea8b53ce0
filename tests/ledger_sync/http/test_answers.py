"""What a client makes of answers that are none: what was not heard, or cannot be read, is never a refusal."""

from __future__ import annotations

import os

import httpx
import pytest

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.peers import NoAnswer
from tests.support.world import NOW, Key
from wallet.protocol.codes import Code, Refusal

KEY = Key.of("caller")


def answered(status: int, kind: str, content: bytes) -> ServiceClient:
    """A client of a service that answers this to every call."""
    answer = httpx.Response(status, headers={"content-type": kind}, stream=httpx.ByteStream(content))
    transport = httpx.MockTransport(lambda _request: answer)
    return ServiceClient(
        "http://service.test", KEY.public, KEY.sign, lambda: NOW, os.urandom, connect=lambda _: transport
    )


def test_a_service_that_is_not_there_is_unreachable() -> None:
    client = ServiceClient("http://127.0.0.1:9", KEY.public, KEY.sign, lambda: NOW, os.urandom, timeout=2)
    with pytest.raises(Refusal) as caught:
        client.post("/v1/echo", 1)
    assert caught.value.code is Code.UNREACHABLE


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"code":"busy","facts":[]}', b"[" * 10_000])
def test_an_answer_that_is_no_qalta_service_is_unreachable(content: bytes) -> None:
    for kind in ("application/problem+json", "text/html", "application/cbor"):
        with pytest.raises(NoAnswer) as caught:
            answered(502, kind, content).get("/v1/open")
        assert caught.value.code is Code.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (200, "application/cbor", bytes(2**20 + 1)),
        (200, "application/cbor", b"\x83\x01"),
        (200, "application/cbor", b""),
        (422, "application/problem+json", b'{"code":"made up","facts":{}}'),
        (422, "application/problem+json", bytes(20_000)),
    ],
)
def test_an_answer_that_cannot_be_read_is_no_refusal(status: int, kind: str, content: bytes) -> None:
    with pytest.raises(NoAnswer) as caught:
        answered(status, kind, content).get("/v1/open")
    assert caught.value.code is Code.ANSWER_UNREADABLE
