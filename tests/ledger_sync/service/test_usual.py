"""What is read at a glance is what h11 reads, to the letter, and answered as by h11; the rest is left to it."""

from __future__ import annotations

import random

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.service.usual import read_head

HEAD = b"POST /v1/a?b=c HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\nConnection: keep-alive\r\nx-a:  b c \r\n\r\n"
PIECES = [
    *(
        b"GET",
        b"POST",
        b"PUT",
        b" ",
        b"  ",
        b"/",
        b"/v1/a?b=%00#c",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"\r\n",
        b"\n",
        b"\r",
    ),
    *(b"host: x", b"Host:", b"host : x", b"content-length: 3", b"Content-Length:03", b"content-length: 3, 3"),
    *(
        b"content-length: +3",
        b"content-length: 99999999999999999999999",
        b"transfer-encoding: chunked",
        b"x: \xff",
    ),
    *(
        b"connection: close",
        b"connection: Keep-Alive",
        b"expect: 100-continue",
        b"upgrade: websocket",
        b" folded",
    ),
    *(b"x: \ty \t", b"x:", b"x y: z", b"\x00", b"abc", b": ", b"\t"),
]


def by_h11(data: bytes) -> tuple[h11.Request, bytes]:
    """The call that it reads in these bytes, and how much of the body is there."""
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(data)
    asked = conn.next_event()
    assert isinstance(asked, h11.Request)
    assert not conn.they_are_waiting_for_100_continue
    body = b""
    while isinstance(event := conn.next_event(), h11.Data):
        body += event.data
    assert event is h11.NEED_DATA or isinstance(event, h11.EndOfMessage)
    conn.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
    conn.send(h11.EndOfMessage())
    assert conn.our_state is h11.DONE, "the line is kept"
    return asked, body


def check_is_the_same(data: bytes) -> bool:
    head = read_head(data)
    if head is None:
        return False
    asked, body = by_h11(data)
    assert (head.method, head.target, b"1.1") == (asked.method, asked.target, asked.http_version)
    assert head.fields == list(asked.headers)
    assert head.size == int(dict(asked.headers).get(b"content-length", 0))
    assert data[head.length :] == body
    return True


@given(st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join))
def test_no_call_is_read_otherwise_than_by_h11(data: bytes) -> None:
    check_is_the_same(data)


@settings(max_examples=300)
@given(lines=st.lists(st.sampled_from(PIECES), max_size=6), body=st.binary(max_size=4))
def test_nor_one_that_is_almost_usual(lines: list[bytes], body: bytes) -> None:
    first = b"POST /v1/uploads HTTP/1.1"
    check_is_the_same(b"\r\n".join([first, b"host: x", *lines, b"content-length: 3", b"", body]))


def test_nor_one_in_which_something_is_changed(rng: random.Random) -> None:
    read = 0
    for _ in range(3_000):
        data = bytearray(HEAD + b"abc")
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 2)] = rng.choice((b"", rng.randbytes(1), b"\r\n", b" ", b":"))
        read += check_is_the_same(bytes(data))
    assert 100 < read < 2_900


@pytest.mark.parametrize("body", [b"", b"a", b"abc"])
def test_a_usual_call_is_read(body: bytes) -> None:
    assert check_is_the_same(HEAD + body)
    assert check_is_the_same(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding: chunked",
        b"expect: 100-continue",
        b"host: y",
        b"content-length: 3",
        b"connection: close",
    ],
)
def test_what_changes_where_a_body_ends_or_a_line_is_left_to_h11(field: bytes) -> None:
    assert read_head(HEAD.replace(b"x-a:", field + b"\r\nx-a:")) is None


def test_so_is_what_more_comes_behind_it_and_a_header_that_is_too_long() -> None:
    assert read_head(HEAD + b"abcGET") is None
    assert read_head(HEAD.replace(b"x-a:", b"x-b: " + b"y" * 20_000 + b"\r\nx-a:")) is None
