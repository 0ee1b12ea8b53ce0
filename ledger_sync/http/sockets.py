"""Sockets whose every wait belongs to a call: the call has one end, and another thread can bring it about.

Rule: resolving a name, connecting, a handshake, sending and reading share the call's deadline, so bytes that trickle in
buy nobody time; besides, no single wait is longer than the line may be silent. Whether the call was stopped is looked
up `LOOK` seconds apart at most.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, TypeVar

import httpcore
import httpx

T = TypeVar("T")
LOOK: Final = 0.1
"""Seconds between two looks at whether a call was stopped."""
SPAN: Final = "qalta.span"
"""The extension of a request that holds its `Span`."""
_TOGETHER: Final = 65_536
"""Bytes that are sent in one piece."""
_TROUBLES: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_Addresses = Sequence[tuple[int, int, int, str, Any]]


def never() -> bool:
    """For calls that nobody stops."""
    return False


@dataclass(frozen=True, slots=True)
class Span:
    """A call's time. `until` is on `now`'s scale (seconds); `silence` the longest single wait; `is_stopped` is asked
    from the thread that waits."""

    until: float
    silence: float
    is_stopped: Callable[[], bool] = never
    now: Callable[[], float] = time.monotonic

    def check(self) -> None:
        """httpx.TimeoutException once the call's time is over, httpx.NetworkError once it was stopped."""
        if self.is_stopped():
            raise httpx.NetworkError("stopped")
        if self.now() >= self.until:
            raise httpx.TimeoutException("the call's time is over")

    def wait(self, attempt: Callable[[float], T]) -> T:
        """What `attempt` gives, which is tried again as long as it raises TimeoutError after the seconds it got.

        TimeoutError: over, silent too long; OSError: stopped, or what the attempt met.
        """
        silent = self.now() + self.silence
        while True:
            if self.is_stopped():
                raise OSError(errno.ECANCELED, "stopped")
            left = min(self.until, silent) - self.now()
            if left <= 0:
                raise TimeoutError
            try:
                return attempt(min(left, LOOK))
            except TimeoutError:
                continue


class Sockets(httpx.BaseTransport):
    """Carries requests that have a `Span` among their extensions. Safe between threads; keeps connections."""

    def __init__(self, keepalive_seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._spans = _Spans()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=None,
            keepalive_expiry=keepalive_seconds,
            network_backend=_Backend(self._spans),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        span: Span = request.extensions[SPAN]
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
        )
        with self._spans.of(span):
            answered = self._pool.handle_request(asked)
        assert isinstance(answered.stream, Iterable)
        return httpx.Response(
            answered.status, headers=answered.headers, stream=_Body(answered, self._spans, span)
        )

    def close(self) -> None:
        self._pool.close()


class _Spans:
    """Whose time the calling thread waits on: a pooled connection serves one call after another."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def current(self) -> Span:
        span: Span = self._local.span
        return span

    @contextmanager
    def of(self, span: Span) -> Iterator[None]:
        """The block belongs to a call; what goes wrong with its line is an httpx.TransportError."""
        self._local.span = span
        try:
            yield
        except _TROUBLES as error:
            raise httpx.TransportError(str(error)) from error


class _Body(httpx.SyncByteStream):
    def __init__(self, answered: httpcore.Response, spans: _Spans, span: Span) -> None:
        self._answered = answered
        self._spans = spans
        self._span = span

    def __iter__(self) -> Iterator[bytes]:
        with self._spans.of(self._span):
            yield from self._answered.iter_stream()

    def close(self) -> None:
        with self._spans.of(self._span):
            self._answered.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, spans: _Spans) -> None:
        self._spans = spans

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        span = self._spans.current
        try:
            return _Stream(_connected(host, port, span), self._spans)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, connected: socket.socket, spans: _Spans) -> None:
        self._socket = connected
        self._spans = spans
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes, once all is sent; also where not all could be: whoever has closed may have said why."""
        with contextlib.suppress(httpcore.WriteError):
            self._flush()
        try:
            return self._wait(lambda: self._socket.recv(max_bytes))
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """A little is sent with what follows it, a header with its body, and before anything is read."""
        self._unsent += buffer
        if len(self._unsent) > _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        left, self._unsent = memoryview(self._unsent), b""
        try:
            while left:
                sent = self._wait(lambda part=left: self._socket.send(part))  # type: ignore[misc]
                left = left[sent:]
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            wrapped = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            secured = _Stream(wrapped, self._spans)
            secured._wait(wrapped.do_handshake)
        except TimeoutError as error:
            self.close()
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        return secured

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """Whether there is anything to read on a line that ought to be silent: then it was closed there."""
        return _is_ready(self._socket, selectors.EVENT_READ, 0) if info == "is_readable" else None

    def _wait(self, attempt: Callable[[], T]) -> T:
        def within(seconds: float) -> T:
            self._socket.settimeout(seconds)
            return attempt()

        return self._spans.current.wait(within)


def _connected(host: str, port: int, span: Span) -> socket.socket:
    """A socket to the first address of `host` that answers. TimeoutError, OSError."""
    trouble: OSError = OSError(errno.EADDRNOTAVAIL, "no address", host)
    for family, kind, proto, _, address in _addresses(host, port, span):
        try:
            return _connected_to(socket.socket(family, kind, proto), address, span)
        except TimeoutError:
            raise
        except OSError as error:
            trouble = error
    raise trouble


def _connected_to(fresh: socket.socket, address: Any, span: Span) -> socket.socket:
    try:
        fresh.setblocking(False)
        begun = fresh.connect_ex(address)
        if begun not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            raise OSError(begun, "no line")
        span.wait(lambda seconds: _await_connected(fresh, seconds))
        failed = fresh.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, "no line")
        fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        fresh.close()
        raise
    return fresh


def _await_connected(fresh: socket.socket, seconds: float) -> None:
    if not _is_ready(fresh, selectors.EVENT_WRITE, seconds):
        raise TimeoutError


def _is_ready(which: socket.socket, event: int, seconds: float) -> bool:
    if which.fileno() < 0:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(which, event)
        return bool(selector.select(seconds))


def _addresses(host: str, port: int, span: Span) -> _Addresses:
    """A name is looked up in a thread of its own: nothing else can end a resolver's wait."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    found: Future[_Addresses] = Future()

    def look_up() -> None:
        try:
            found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            found.set_exception(error)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    return span.wait(found.result)
