"""Strangers' lines end by themselves: half a header, half a body, nothing at all, an answer that nobody takes.

Against a service in a process of its own. Whoever reads here reads until the service has closed the line: a test that
comes back has seen it end.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import time
from collections.abc import Iterator

import pytest

from ledger_sync.http.call import sign_call
from tests.support.served import AUTHORITY, CUSTOMERS, LINES, THREADS, WAIT, WAITING, Served, signer
from tests.support.world import NOW, Key
from wallet.protocol import codec
from wallet.protocol.codec import Cbor

GET = b"GET /v1/open HTTP/1.1\r\nhost: x\r\n\r\n"
SLOW = b"GET /v1/slow HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as service:
        yield service


def ending(line: socket.socket) -> bytes:
    """All that comes until the other side closes the line."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(65_536):
            came += part
    return came


def answer(line: socket.socket, call: bytes = GET) -> bytes:
    """One whole answer, header and body."""
    line.sendall(call)
    came = b""
    while not (found := re.match(rb"(?is).*?content-length: (\d+).*?\r\n\r\n(.*)", came)) or len(
        found[2]
    ) < int(found[1]):
        part = line.recv(65_536)
        assert part, "the line was closed"
        came += part
    return came


def signed_post(
    body: bytes,
    key: Key | None = None,
    ahead: int = 0,
    declared: int | None = None,
    path: str = "/v1/echo",
) -> bytes:
    who = signer() if key is None else type(signer())(key.public, key.sign)
    header = sign_call("POST", AUTHORITY + path, body, who, lambda: NOW + ahead, os.urandom)
    length = len(body) if declared is None else declared
    return f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {header}\r\ncontent-length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /v1/op", GET[:-2] + b"x-more: ", GET, GET + b"GET"],
    ids=["nothing", "half a line", "half a header", "a call and then nothing", "a call and a half"],
)
def test_a_line_on_which_nothing_comes_ends(served: Served, sent: bytes) -> None:
    with served.line() as line:
        line.sendall(sent)
        assert ending(line).count(b"HTTP/1.1 200") == sent.count(GET)


def test_a_body_that_is_half_sent_ends(served: Served) -> None:
    with served.line() as line:
        line.sendall(signed_post(b"\x43abc") + b"\x43ab")
        assert ending(line) == b""


def test_a_header_that_trickles_ends(served: Served) -> None:
    """More bytes buy no more time: this never stops sending before the line is closed."""
    with served.line() as line:
        line.sendall(b"GET /v1/open HTTP/1.1\r\n")
        while not _has_ended(line):
            with contextlib.suppress(OSError):
                line.sendall(b"x: y\r\n")


def _has_ended(line: socket.socket) -> bool:
    line.settimeout(0.01)
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_an_answer_that_nobody_takes_is_given_up() -> None:
    """Its line ends on the service's side; this side reads not a byte, and so could never see it."""
    with Served() as service, service.line() as line:
        line.sendall(b"GET /v1/large HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.recv(1, socket.MSG_PEEK), "the answer has begun"
        during = service.descriptors()
        assert any(service.descriptors() < during for _ in _looks())


def _looks() -> Iterator[None]:
    for _ in range(600):
        time.sleep(0.1)
        yield


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (b"POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n", b"auth_missing"),
        (
            b"POST /v1/echo HTTP/1.1\r\nhost: x\r\nauthorization: Qalta abc\r\ncontent-length: 300000\r\n\r\n",
            b"auth_signature",
        ),
        (signed_post(b"\xf6", ahead=-400, declared=300_000), b"auth_stale"),
        (signed_post(b"\xf6", key=Key.of("stranger"), declared=300_000), b"auth_forbidden"),
    ],
    ids=["unsigned", "no signature", "of another time", "a stranger's"],
)
def test_a_large_body_is_read_of_those_only_who_may_send_it(served: Served, call: bytes, code: bytes) -> None:
    """No byte of the body is ever sent here, and the answer comes."""
    with served.line() as line:
        assert code in answer(line, call)


def test_a_signed_large_body_is_answered(served: Served) -> None:
    body = b"\x59\xc3\x50" + bytes(50_000)
    with served.line() as line:
        came = answer(line, signed_post(body) + body)
        assert came.startswith(b"HTTP/1.1 200")
        assert came.endswith(body)


def test_of_too_many_lines_the_oldest_that_waits_goes(served: Served) -> None:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(served.line()) for _ in range(3 * LINES)]
        assert b"200" in answer(lines[-1]), "the newest caller is served at once"
        assert all(ending(line) == b"" for line in lines[: 2 * LINES])


def test_who_waits_for_a_slow_partner_keeps_nobody_else_waiting() -> None:
    """Every thread of the partner's room waits for ever, and its door is full."""
    with Served() as service, contextlib.ExitStack() as stack:
        for _ in range(THREADS + WAITING):
            stack.enter_context(service.line()).sendall(SLOW)
        while True:
            line = stack.enter_context(service.line())
            line.settimeout(2)
            with contextlib.suppress(TimeoutError):
                assert b'"busy"' in answer(line, SLOW)
                break
        with service.line() as line:
            assert b"HTTP/1.1 200" in answer(line)


def upload(customer: Key, value: Cbor, declared: int | None = None) -> bytes:
    body = codec.encode(value)
    return signed_post(body, customer, declared=declared, path="/v1/uploads") + (
        body if declared is None else b""
    )


def is_told_when(came: bytes) -> bool:
    """BUSY, and after how many seconds, in the problem and for whoever reads headers only."""
    problem = json.loads(came.partition(b"\r\n\r\n")[2])
    after = problem["facts"]["after"]
    return problem["code"] == "busy" and after >= 1 and b"\r\nretry-after: %d\r\n" % after in came.lower()


def test_a_customer_whose_part_is_full_hears_so_at_once_and_nobody_else_does() -> None:
    ann, bob = CUSTOMERS
    with Served() as service, contextlib.ExitStack() as stack:
        stack.enter_context(service.line()).sendall(upload(ann, WAIT))
        while True:  # until that one has its place
            line = stack.enter_context(service.line())
            came = answer(line, upload(ann, 1))
            if came.startswith(b"HTTP/1.1 503"):
                break
        assert is_told_when(came)
        for number in range(3):
            with service.line() as other:
                assert answer(other, upload(bob, number)).startswith(b"HTTP/1.1 200")


def test_a_body_that_trickles_holds_its_senders_place_only(served: Served) -> None:
    ann, bob = CUSTOMERS
    with served.line() as hers, served.line() as his, contextlib.ExitStack() as stack:
        slow, came = stack.enter_context(served.line()), b"HTTP/1.1 200"
        slow.sendall(upload(ann, 1, declared=200_000))
        while came.startswith(b"HTTP/1.1 200"):
            came = answer(hers, upload(ann, 2))
            if select.select([slow], [], [], 0)[0]:  # refused itself, for what she had taken before
                slow, came = stack.enter_context(served.line()), b"HTTP/1.1 200"
                slow.sendall(upload(ann, 1, declared=200_000))
        assert is_told_when(came)
        assert answer(his, upload(bob, 3)).startswith(b"HTTP/1.1 200")
        assert ending(slow) == b"", "and it ends"
    with served.line() as line:
        while not (came := answer(line, upload(ann, 4))).startswith(b"HTTP/1.1 200"):
            assert is_told_when(came)


def test_a_full_room_says_when_it_is_worth_asking_again() -> None:
    with Served() as service, contextlib.ExitStack() as stack:
        for _ in range(THREADS + WAITING):
            stack.enter_context(service.line()).sendall(SLOW)
        while True:
            line = stack.enter_context(service.line())
            line.settimeout(2)
            with contextlib.suppress(TimeoutError):
                assert is_told_when(answer(line, SLOW))
                break
