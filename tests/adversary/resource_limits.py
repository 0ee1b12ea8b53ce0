"""A process that may use little memory and little processor time, and reads what a stranger sends.

`python -m tests.adversary.resource_limits MEGABYTES SECONDS` prints one line of JSON for each input: its
name, who read it,
the code of the refusal (null if it was read) and the most bytes that Python held for it.
"""

from __future__ import annotations

import json
import resource
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.deals import chain
from tests.support.world import Key, World
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_MESSAGE_BYTES, MAX_OBJECT_BYTES, MAX_PAYMENT_BYTES
from wallet.protocol.bundle import parse_bundle
from wallet.protocol.codes import Refusal
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import parse_evidence
from wallet.protocol.validity import verify
from wallet.session import messages
from wallet.session.framing import Deframer
from wallet.transport.qr import FrameReceiver

WORLD = World()
DIRECTORY = WORLD.directory()


def encodings(size: int) -> Iterator[tuple[str, bytes]]:
    """Bytes that announce more than they are, or are as many as may be."""
    yield "nothing", b""
    for name, head in {
        "a list of 2^64": "9bffffffffffffffff",
        "a list of 2^32": "9affffffff",
        "a map of 2^64": "bbffffffffffffffff",
        "bytes of 2^64": "5bffffffffffffffff",
        "a text of 2^32": "7affffffff",
        "a bignum": "c25affffffff",
        "a tag in a tag": "c1" * 200,
        "endless lists": "9f" * 200,
        "endless bytes": "5f" * 200,
    }.items():
        yield name, bytes.fromhex(head)
        yield f"{name}, filled", (bytes.fromhex(head) * (size // len(head) * 2 + 1))[:size]
    for name, byte in {
        "breaks": 0xFF,
        "zeros": 0,
        "lists in lists": 0x81,
        "maps in maps": 0xA1,
        "empty lists": 0x80,
    }.items():
        yield name, bytes([byte]) * size
    yield "many lists", codec.encode([[] for _ in range(size - 4)])[:size]
    yield "many numbers", codec.encode([1] * (size - 4))[:size]
    yield "many small texts", codec.encode(["a"] * (size // 2 - 4))
    yield "a map of many", codec.encode(dict.fromkeys(range(size // 4)))[:size]
    yield "one byte too many", bytes(size + 1)
    yield "far too many", bytes(100 * size)


def payments() -> Iterator[tuple[str, bytes]]:
    """Well formed as far as they go, and hostile in what they say."""
    whole = chain(15, WORLD).payment.to_cbor()
    new, transfers, issuances, certificates, policy = whole
    yield "a transfer 64 times", codec.encode([new, transfers[:1] * 64, issuances, certificates, policy])
    yield "a transfer 65 times", codec.encode([new, transfers[:1] * 65, issuances, certificates, policy])
    yield "an issuance 64 times", codec.encode([new, transfers, issuances * 64, certificates, policy])
    yield "a certificate 64 times", codec.encode([new, transfers, issuances, certificates[:1] * 64, policy])
    yield "backwards", codec.encode([new, transfers[::-1], issuances, certificates, policy])
    yield "without its beginning", codec.encode([new, transfers[1:], issuances, certificates, policy])
    yield "without its issuance", codec.encode([new, transfers, [], certificates, policy])
    yield "more new ones than there are", codec.encode([2**32, transfers, issuances, certificates, policy])
    protected, unprotected, payload, signature = transfers[0]
    for name, header in {
        "an unknown algorithm": {1: -8, 16: "qtr1"},
        "no algorithm": {16: "qtr1"},
        "another kind": {1: -7, 16: "qis1"},
        "a header within a header": {1: {1: {1: -7}}},
    }.items():
        other = [codec.encode(header), unprotected, payload, signature]
        yield name, codec.encode([new, [other, *transfers[1:]], issuances, certificates, policy])
    for name, forged in {
        "a signature of zeros": bytes(64),
        "a long signature": bytes(2_000),
        "none": b"",
    }.items():
        other = [protected, unprotected, payload, forged]
        yield name, codec.encode([new, [other, *transfers[1:]], issuances, certificates, policy])
    body = codec.decode(payload, MAX_OBJECT_BYTES)
    many = [[bytes([n]) * 32, 0] for n in range(32)]
    for name, inputs in {"32 strange inputs": many, "33 inputs": [*many, [b"\xff" * 32, 0]]}.items():
        other = [protected, unprotected, codec.encode([inputs, *body[1:]]), signature]
        yield name, codec.encode([new, [other, *transfers[1:]], issuances, certificates, policy])


READERS: dict[str, tuple[int, Callable[[bytes], Any]]] = {
    "payment": (MAX_PAYMENT_BYTES, lambda raw: verify(raw, DIRECTORY)),
    "message": (MAX_MESSAGE_BYTES, messages.decode),
    "bundle": (256 * 1024, parse_bundle),
    "evidence": (3 * MAX_OBJECT_BYTES, parse_evidence),
    "directory": (MAX_OBJECT_BYTES, lambda raw: Directory.open(raw, Key.of("root").public)),
    "stream": (MAX_MESSAGE_BYTES, lambda raw: [messages.decode(part) for part in Deframer().receive(raw)]),
    "frame": (4_296, lambda raw: FrameReceiver().add(raw.decode("latin-1"))),
}


def feed(reader: str, name: str, raw: bytes) -> None:
    tracemalloc.start()
    try:
        READERS[reader][1](raw)
        code = None
    except Refusal as refusal:
        code = refusal.code.value
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(json.dumps({"name": name, "reader": reader, "code": code, "bytes": len(raw), "peak": peak}))


def main(megabytes: int, seconds: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for reader, (size, _) in READERS.items():
        for name, raw in encodings(size):
            feed(reader, name, raw)
    for name, raw in payments():
        feed("payment", name, raw)
        feed("message", f"{name}, in a message", codec.encode([2, raw]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
