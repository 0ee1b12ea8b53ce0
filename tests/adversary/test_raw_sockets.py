"""Rubbish on the wire of services that are live: each stays healthy, answers in our words or closes the line.

What is written is all written at once, or held open until the test lets go of it; nobody waits for a clock.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from ledger_sync import sandbox
from ledger_sync.http.problems import MEDIA_TYPE, status_of
from ledger_sync.http.routes import MAX_BODY_BYTES
from ledger_sync.sandbox.network import Station
from ledger_sync.sandbox.operator import Order
from tests.support import stations
from tests.support.cli import Cli
from wallet.protocol.codes import Code, Refusal

STATIONS = ("central-bank", "notary", "alatau", "zhibek")
PATIENCE = 60.0
"""Seconds until a service that says nothing has failed."""
HELD = 120
"""Lines that one stranger holds open."""
GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /v1/uploads HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
BIG = 10 * 2**20
RUBBISH = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half of the headers": b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: b",
    "no line ever ends": b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 2_000_000,
    "headers never end": b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
    "a long target": b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "a target of no characters": b"GET /%ff%00%zz?\xff=%fe HTTP/1.1\r\nhost: x\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "less than was announced": POST + b"content-length: 10\r\n\r\nhalf",
    "more than was announced": POST + b"content-length: 2\r\n\r\n" + b"a" * 50_000,
    "two lengths": POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length and chunks": POST
    + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
    "a length below nothing": POST + b"content-length: -5\r\n\r\n",
    "a length of no digits": POST + b"content-length: 0x10\r\n\r\n",
    "a length of many digits": POST + b"content-length: " + b"9" * 400 + b"\r\n\r\n",
    "a length beyond the bound": POST + b"content-length: 99999999999999\r\n\r\n",
    "a chunk of no size": CHUNKED + b"zz\r\n",
    "a chunk beyond all size": CHUNKED + b"f" * 18 + b"\r\n",
    "half a chunk": CHUNKED + b"5\r\nab",
    "chunks without end": CHUNKED + (b"8000\r\n" + b"a" * 0x8000 + b"\r\n") * (BIG // 0x8000),
    "an unknown coding": POST + b"transfer-encoding: gzip, rot13\r\n\r\nabc",
    "rubbish behind a call": GET + b"\x00\xff\x00 rubbish\r\n\r\n" + GET,
    "many calls at once": GET * 500,
    "TLS": bytes.fromhex("16030100c6010000c20303") + bytes(range(200)),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\n\r\n",
    "a proxy's call": b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "an address in the call": b"GET http://elsewhere/v1/books HTTP/1.1\r\nhost: x\r\n\r\n",
    "a web socket": b"GET /v1/books HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "much that nobody signed": POST + b"content-length: %d\r\n\r\n" % BIG + bytes(BIG),
    "as much as is allowed": POST + b"content-length: %d\r\n\r\n" % MAX_BODY_BYTES + bytes(MAX_BODY_BYTES),
    "a signature of bytes": POST + b"authorization: Qalta \xff\xfe\r\ncontent-length: 1\r\n\r\n\xf6",
}


@dataclass(frozen=True)
class Answer:
    """What came back for one call."""

    status: int
    kind: str
    body: bytes


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    home = tmp_path_factory.mktemp("wire")
    stations.start(home / "sandbox")
    try:
        yield Cli(home)
    finally:
        sandbox.stop(home / "sandbox")


@pytest.fixture(scope="module")
def network(cli: Cli) -> sandbox.Network:
    return sandbox.read_network(cli.home / "sandbox")


def connected(station: Station) -> socket.socket:
    return socket.create_connection(("127.0.0.1", station.port), timeout=PATIENCE)


def shout(station: Station, raw: bytes) -> bytes:
    """What a service says to these bytes until it closes the line."""
    said = b""
    with connected(station) as line, contextlib.suppress(ConnectionError, BrokenPipeError):
        with contextlib.suppress(OSError):
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
        while part := line.recv(65_536):
            said += part
    return said


def answers(said: bytes) -> Iterator[Answer]:
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(fields.get("content-length", "0"))
        assert len(rest) >= size, "an answer is whole"
        yield Answer(int(first.split(" ")[1]), fields.get("content-type", ""), rest[:size])
        said = rest[size:]


def check_words(said: bytes) -> None:
    """Only what a service says to anybody: that it is well, or problem details with a code that is no accident."""
    for answer in answers(said):
        if answer.status == 200:
            assert answer.body == b'{"status":"ok"}'
            continue
        assert answer.kind == MEDIA_TYPE, answer
        problem = json.loads(answer.body)
        code = Code(problem["code"])
        assert code is not Code.INTERNAL
        assert answer.status == problem["status"] == status_of(code)


def check_health(station: Station) -> None:
    for path in ("/healthz", "/readyz"):
        assert httpx.get(station.url + path, trust_env=False, timeout=PATIENCE).status_code == 200


def check_signed_calls(network: sandbox.Network) -> None:
    names = [name for name in STATIONS if name != "notary"]
    found = sandbox.operate(network, [Order(name, "GET", "/v1/books") for name in names])
    assert not [answer for answer in found if isinstance(answer, Refusal)]


@pytest.mark.parametrize("name", STATIONS)
def test_rubbish_is_answered_in_our_words_or_not_at_all(
    network: sandbox.Network, name: str, rng: random.Random
) -> None:
    station = network.station(name)
    for raw in [
        *RUBBISH.values(),
        *(damaged(GET + POST + b"content-length: 3\r\n\r\nabc", rng) for _ in range(40)),
    ]:
        check_words(shout(station, raw))
        check_health(station)
    check_signed_calls(network)


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """With some of its bytes changed, doubled, or gone."""
    found = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(found))
        found[place : place + 1] = rng.choice(
            (b"", rng.randbytes(1), b"\r\n", bytes(found[place : place + 9]) * 2)
        )
    return bytes(found)


@pytest.mark.parametrize("name", STATIONS)
def test_lines_that_are_held_open_and_torn_keep_nobody_out(network: sandbox.Network, name: str) -> None:
    station = network.station(name)
    beginnings = (b"", GET[:-2], POST + b"content-length: 9\r\n\r\nab", CHUNKED + b"5\r\nab")
    with contextlib.ExitStack() as held:
        lines = [held.enter_context(connected(station)) for _ in range(HELD)]
        for number, line in enumerate(lines):
            line.sendall(beginnings[number % len(beginnings)])
        check_health(station)
        check_signed_calls(network)
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    check_health(station)


def test_afterwards_an_honest_wallet_is_served_by_all_of_them(cli: Cli, network: sandbox.Network) -> None:
    """Its bank, the central bank that issues and redeems, and the notary."""
    for station in network.stations:
        check_words(shout(station, RUBBISH["much that nobody signed"]))
    cli.must("wallet", "new", "honest")
    cli.wallet("honest", "fund", "100")
    assert cli.wallet("honest", "defund", "40")["defunded"] == 4_000
    assert any(cli.must("sandbox", "books")["balanced"] for _ in range(60))
    for station in network.stations:
        assert "Traceback" not in (network.folder(station) / "log").read_text()
