"""Calls over TLS, as a proxy in front of a service speaks it: answered, refused for a stranger's certificate, ended."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger_sync.http.client import ServiceClient, by_network
from ledger_sync.http.loopback import loopback
from ledger_sync.http.sockets import Sockets
from tests.support.slow import Slow
from tests.support.world import NOW, Key
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal

DEVICE = Key.of("device")
LARGE = bytes(300_000)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\ncontent-length: %d\r\n\r\n"


def _certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "bank.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def proxy(pem: Path) -> Iterator[str]:
    """Answers each call with as much as came."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(line, server_side=True) as secured:
                    while call := _call(secured):
                        body = codec.encode(call)
                        secured.sendall(_HEAD % len(body) + body)
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def _call(line: ssl.SSLSocket) -> bytes:
    came = b""
    while b"\r\n\r\n" not in came:
        part = line.recv(65_536)
        if not part:
            return b""
        came += part
    head, _, body = came.partition(b"\r\n\r\n")
    length = next(int(row[16:]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length: "))
    while len(body) < length:
        body += line.recv(65_536)
    return body


def client(url: str, trusted: Path | None, whole: float = 60) -> ServiceClient:
    tls = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
    return ServiceClient(
        url,
        DEVICE.public,
        DEVICE.sign,
        lambda: NOW,
        os.urandom,
        whole=whole,
        connect=lambda _: Sockets(3, tls),
    )


def test_large_calls_over_one_secured_line(tmp_path: Path) -> None:
    pem = _certificate(tmp_path)
    with proxy(pem) as url:
        line = client(url, pem)
        for _ in range(3):
            assert line.post("/v1/uploads", LARGE) == codec.encode(LARGE)
        line.close()


def test_a_certificate_that_nobody_trusts_is_no_bank(tmp_path: Path) -> None:
    with proxy(_certificate(tmp_path)) as url, pytest.raises(Refusal) as caught:
        client(url, None).post("/v1/uploads", LARGE)
    assert caught.value.code is Code.UNREACHABLE


@pytest.fixture
def lists_read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each time that a list of authorities is read."""
    found: list[object] = []
    read = ssl.SSLContext.load_verify_locations

    def noted(context: ssl.SSLContext, cafile: str | None = None) -> None:
        found.append(cafile)
        read(context, cafile)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", noted)
    return found


def test_whom_the_world_trusts_is_read_once_for_all_lines(tmp_path: Path, lists_read: list[object]) -> None:
    with proxy(_certificate(tmp_path)) as url:
        for _ in range(2):
            line = ServiceClient(url, DEVICE.public, DEVICE.sign, lambda: NOW, os.urandom, connect=by_network)
            for _ in range(2):
                with pytest.raises(Refusal):
                    line.get("/v1/me")
            line.close()
    assert len(lists_read) <= 1


def test_a_line_without_tls_reads_no_list(lists_read: list[object]) -> None:
    by_network("http://127.0.0.1:1").close()
    loopback(1).close()
    assert lists_read == []


@pytest.mark.parametrize("manner", ["silent", "unread"])
def test_a_handshake_that_never_ends_ends_with_the_call(tmp_path: Path, manner: str) -> None:
    with Slow(manner) as slow, pytest.raises(Refusal) as caught:
        client(slow.url.replace("http:", "https:"), _certificate(tmp_path), whole=0.3).post("/v1/uploads", 1)
    assert caught.value.code is Code.UNREACHABLE
