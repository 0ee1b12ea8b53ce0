"""A service that speaks TLS itself: its certificate is renewed while it runs, and a handshake is a line like others."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ledger_sync.http.client import ServiceClient, by_authority, network_trusting
from ledger_sync.http.routes import Caller, CallerKind, Route
from ledger_sync.service.figures import figures_app
from ledger_sync.service.listeners import Listeners, bound
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.settings import Address, SettingsError, Why
from ledger_sync.service.threads import Threads
from ledger_sync.service.tls import ServerTls, TlsFiles
from ledger_sync.service.wire import WireBounds
from tests.support.certificates import Authority
from tests.support.nonces import nonces_in_memory
from tests.support.world import NOW, Key
from wallet.protocol.codes import Code, Refusal

OPERATOR = Key.of("operator")
LARGE = bytes(500_000)
LINES = 8
_SIGNED = frozenset({CallerKind.OPERATOR})
_PUBLIC = frozenset({CallerKind.PUBLIC})


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def files_of(certificate: Path, key: Path, callers: Path | None = None) -> TlsFiles:
    return TlsFiles(certificate, key, callers)


class Serving:
    """A service and its figures over TLS, in a thread of this process."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.readers = Authority(folder, "readers")
        self.files = files_of(*self.authority.certify("bank"))
        self.tls = ServerTls(self.files)
        self.port, self.figures = free_port(), free_port()
        bounds = WireBounds(header=1.0, body=1.0, answer=1.0, lines=LINES)
        gate = Authenticator(f"127.0.0.1:{self.port}", self._who, nonces_in_memory(), lambda: NOW)
        routes = (
            Route("GET", "/v1/open", _PUBLIC, lambda _: "open", "Open", "tstr"),
            Route("GET", "/v1/large", _PUBLIC, lambda _: bytes(8_000_000), "Large", "bstr"),
            Route("POST", "/v1/echo", _SIGNED, lambda call: call.value, "Echo", "any", "any"),
        )
        metrics = Metrics(lambda: NOW)
        self.listeners = Listeners()
        app = build_app("served", routes, gate, Threads(), metrics=metrics)
        self.listeners.add(app, self._bound(self.port), bounds, self.tls)
        mutual = ServerTls(files_of(self.files.certificate, self.files.key, self.readers.file))
        self.listeners.add(
            figures_app(metrics.registry, Threads()), self._bound(self.figures), bounds, mutual
        )
        self.thread = threading.Thread(target=self.listeners.serve)
        self.thread.start()

    def _bound(self, port: int) -> socket.socket:
        return bound(Address("127.0.0.1", port), "port")

    def _who(self, key: bytes, _now: int) -> Caller | None:
        return Caller(CallerKind.OPERATOR, "", key) if key == OPERATOR.public else None

    def line(self, port: int | None = None) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", port or self.port))
        line.settimeout(30)
        return line

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.file))

    def secured(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        return (context or self.context()).wrap_socket(self.line(), server_hostname="127.0.0.1")

    def serial(self) -> int:
        """Of the certificate that is shown now."""
        with self.secured() as line:
            found = line.getpeercert()
            assert found
            return int(str(found["serialNumber"]), 16)

    def client(self) -> ServiceClient:
        return ServiceClient(
            f"https://127.0.0.1:{self.port}",
            OPERATOR.public,
            OPERATOR.sign,
            lambda: NOW,
            os.urandom,
            connect=network_trusting(self.context()),
        )

    def stop(self) -> None:
        self.listeners.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    yield serving
    serving.stop()


def ask(line: socket.socket) -> bytes:
    line.sendall(b"GET /v1/open HTTP/1.1\r\nhost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"dopen"):
        answer += line.recv(65_536)
    return answer


def test_calls_large_ones_too_go_over_one_secured_line(serving: Serving) -> None:
    line = serving.client()
    assert line.get("/v1/open") == "open"
    for _ in range(3):
        assert line.post("/v1/echo", LARGE) == LARGE
    line.close()


def test_what_comes_with_the_last_bytes_of_a_handshake_is_answered(serving: Serving) -> None:
    """A client may send its call together with its part of the handshake's end."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = serving.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with serving.line() as line:
        while True:
            try:
                side.do_handshake()
                break
            except ssl.SSLWantReadError:
                line.sendall(outgoing.read())
                incoming.write(line.recv(65_536))
        side.write(b"GET /v1/open HTTP/1.1\r\nhost: x\r\n\r\n")
        line.sendall(outgoing.read())
        answer = b""
        while not answer:
            incoming.write(line.recv(65_536))
            try:
                answer = side.read(65_536)
            except ssl.SSLWantReadError:
                continue
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_renewed_certificate_is_shown_without_a_restart_and_open_lines_go_on(serving: Serving) -> None:
    before = serving.serial()
    with serving.secured() as line:
        assert b"200" in ask(line)
        serving.authority.certify("bank", days=30)
        serving.tls.look()
        assert b"200" in ask(line)
    assert serving.serial() == serving.authority.last != before
    assert serving.tls.ends > serving.authority.last


def test_a_pair_that_does_not_fit_is_not_taken_and_is_once_it_does(serving: Serving) -> None:
    """Renewal writes two files one after the other: between them the old certificate is shown."""
    before, key = serving.serial(), serving.files.key.read_bytes()
    serving.authority.certify("bank")
    fresh = serving.files.key.read_bytes()
    serving.files.key.write_bytes(key)
    serving.tls.look()
    assert serving.serial() == before
    serving.files.key.write_bytes(fresh)
    serving.tls.look()
    assert serving.serial() == serving.authority.last
    serving.files.certificate.unlink()
    serving.tls.look()
    assert serving.serial() == serving.authority.last


def test_handshakes_that_never_end_are_few_and_short(serving: Serving) -> None:
    """More silent lines than there may be: the oldest go, callers get through, and the rest end by themselves."""
    silent = [serving.line() for _ in range(LINES * 3)]
    assert serving.client().get("/v1/open") == "open"
    assert [line.recv(1) for line in silent[: LINES * 2]] == [b""] * (LINES * 2)
    for line in silent:
        assert line.recv(1) == b""
        line.close()


@pytest.mark.parametrize(
    "raw", [b"GET /v1/open HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(99)]
)
def test_what_is_no_tls_ends_and_the_next_is_served(serving: Serving, raw: bytes) -> None:
    with serving.line() as line:
        line.sendall(raw)
        said = line.recv(65_536)
        assert b"HTTP" not in said
    assert serving.client().get("/v1/open") == "open"


def test_nothing_older_than_tls_1_3_is_spoken(serving: Serving) -> None:
    old = serving.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        serving.secured(old)


def test_a_service_of_another_authority_is_not_called(serving: Serving) -> None:
    stranger = ServiceClient(
        f"https://127.0.0.1:{serving.port}",
        OPERATOR.public,
        OPERATOR.sign,
        lambda: NOW,
        os.urandom,
        connect=by_authority(serving.readers.file),
    )
    with pytest.raises(Refusal) as caught:
        stranger.get("/v1/open")
    assert caught.value.code is Code.UNREACHABLE


def test_a_service_whose_certificate_has_expired_is_not_called(serving: Serving) -> None:
    assert serving.client().get("/v1/open") == "open"
    serving.authority.certify("bank", days=-1)
    serving.tls.look()
    with pytest.raises(Refusal) as caught:
        serving.client().get("/v1/open")
    assert caught.value.code is Code.UNREACHABLE


def test_figures_beyond_loopback_are_shown_to_readers_with_a_certificate_only(serving: Serving) -> None:
    url = f"https://127.0.0.1:{serving.figures}/metrics"
    known, other = serving.context(), serving.context()
    known.load_cert_chain(*serving.readers.certify("prometheus"))
    other.load_cert_chain(*serving.authority.certify("somebody"))
    expired = serving.context()
    expired.load_cert_chain(*serving.readers.certify("grafana", days=-1))
    with httpx.Client(verify=known, trust_env=False) as reader:
        assert "qalta_calls" in reader.get(url).text
    for context in (other, expired, serving.context()):
        with httpx.Client(verify=context, trust_env=False) as reader, pytest.raises(httpx.TransportError):
            reader.get(url)


def test_a_key_that_everybody_may_read_or_that_wants_a_passphrase_is_refused(tmp_path: Path) -> None:
    files = files_of(*Authority(tmp_path).certify("bank"))
    files.key.chmod(0o644)
    with pytest.raises(SettingsError) as caught:
        ServerTls(files)
    assert (caught.value.setting, caught.value.why) == ("tls_key", Why.EXPOSED)
    files.key.chmod(0o600)
    files.key.write_bytes(files.certificate.read_bytes())
    with pytest.raises(SettingsError) as caught:
        ServerTls(files)
    assert caught.value.why is Why.UNFIT
    with pytest.raises(SettingsError) as caught:
        ServerTls(files_of(tmp_path / "none.pem", files.key))
    assert caught.value.why is Why.MISSING


def test_an_answer_that_nobody_takes_ends(serving: Serving) -> None:
    """Its line ends on the service's side, whichever of its two buffers the rest lies in; this side never reads."""
    with serving.secured() as line:
        line.sendall(b"GET /v1/large HTTP/1.1\r\nhost: x\r\n\r\n")
        assert select.select([line], [], [], 30)[0], "the answer has begun"
        during = len(os.listdir("/proc/self/fd"))
        assert any(len(os.listdir("/proc/self/fd")) < during for _ in _looks())


def _looks() -> Iterator[None]:
    for _ in range(600):
        threading.Event().wait(0.1)
        yield


def test_a_service_that_ends_waits_for_nobodys_goodbye(tmp_path: Path) -> None:
    """Neither of idle lines nor of one that it has closed already, whose caller has not said goodbye."""
    serving = Serving(tmp_path)
    with serving.secured() as line, serving.secured() as left:
        assert b"200" in ask(line)
        left.sendall(b"GET /v1/large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert select.select([left], [], [], 30)[0]
        serving.stop()
        assert line.recv(10) == b""
