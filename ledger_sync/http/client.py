"""The calling side: signs each call, bounds each answer, and gives refusals back as what they are.

Rule: what the service refuses is a `RemoteRefusal`; where its answer never came (UNREACHABLE) or can't be read
(ANSWER_UNREADABLE) it is a `NoAnswer`, and nothing is known: the same is asked again, with the same ids (`peers`).
A call has one end, whatever trickles in meanwhile, and may be stopped from another thread; then it is UNREACHABLE too.
It is dated by the given clock, whatever the answer says of the time.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpcore
import httpx

from ledger_sync.http.call import Clock, Random, Signer, Signers, sign_call
from ledger_sync.http.peers import NoAnswer, unreadable
from ledger_sync.http.problems import MAX_PROBLEM_BYTES, MEDIA_TYPE, decode_problem
from ledger_sync.http.reading import HEADER, READS
from ledger_sync.http.routes import BODY_TYPE
from ledger_sync.http.sockets import SPAN, Sockets, Span, never
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.keys import Sign

MAX_ANSWER_BYTES: Final = 1_048_576
TIMEOUT: Final = 10.0
"""Seconds that a line may be silent, in any step of a call."""
WHOLE: Final = 60.0
"""Seconds for a whole call of a wallet, a clock's correction included: the largest upload at 3 kB a second."""
WHOLE_BETWEEN_SERVICES: Final = 8.0
"""Seconds for a whole call of one service to another: less than any caller's patience with the first."""
WHOLE_WITHIN_A_CALL: Final = 5.0
"""Seconds for a whole call that may be made while another service waits."""
_IDLE_SECONDS: Final = 3.0
"""A connection that was idle this long is not used again: well before the server (`run`) closes it."""
_KEPT: Final = 64
"""Addresses of one service that are kept."""

Connect = Callable[[str], httpx.BaseTransport]
"""What carries the calls to the service at a URL; called once for each client, at its first call."""


def by_network(url: str) -> httpx.BaseTransport:
    """Sockets to wherever a URL leads; over TLS to whoever the world trusts."""
    return Sockets(_IDLE_SECONDS, _world() if url.startswith("https:") else None)


@cache
def _world() -> ssl.SSLContext:
    """Read once: the sockets below would read the whole list for each connection that they make."""
    return httpcore.default_ssl_context()


def network_trusting(tls: ssl.SSLContext) -> Connect:
    """As `by_network`, to services that ``tls`` believes."""
    return lambda _url: Sockets(_IDLE_SECONDS, tls)


def by_authority(authority: Path | None) -> Connect:
    """As `by_network`; to services whose certificates are of this authority (PEM) and no other, where one is named.

    ``OSError``, ``ValueError``: no such file, or no certificate in it.
    """
    if authority is None:
        return by_network
    return network_trusting(ssl.create_default_context(cafile=str(authority)))


class ServiceClient:
    """Calls one service in the name of one key. Connects at the first call; safe between threads.

    `timeout` and `whole` are seconds: the longest silence, and a call's whole time on `now`'s scale. `is_stopped` is
    asked while a call waits; once it says so, every call ends.
    """

    def __init__(
        self,
        base_url: str,
        key: bytes,
        sign: Sign,
        clock: Clock,
        random: Random,
        timeout: float = TIMEOUT,
        connect: Connect = by_network,
        *,
        whole: float = WHOLE,
        is_stopped: Callable[[], bool] = never,
        now: Callable[[], float] = time.monotonic,
        signers: Signers | None = None,
    ) -> None:
        """``signers`` sign in place of the one ``key``, where there are several."""
        self._base_url = _url(base_url)
        self._signers = signers or Signer(key, sign)
        self._clock = clock
        self._random = random
        self._timeout = timeout
        self._whole = whole
        self._is_stopped = is_stopped
        self._now = now
        self._connect = connect
        self._connecting = threading.Lock()
        self._connected: httpx.BaseTransport | None = None
        self._urls: dict[str, httpx.URL] = {}

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Cbor:
        """The answer to a GET. Raises `RemoteRefusal`: what the service said; `NoAnswer`."""
        return self._call("GET", path + ("?" + urlencode(query) if query else ""), b"", READS)

    def post(self, path: str, value: Cbor, reads: str = READS) -> Cbor:
        """The answer to a POST of `value`, for whoever `reads` these kinds. Raises `RemoteRefusal`: what the service
        said; `NoAnswer`."""
        return self._call("POST", path, codec.encode(value), reads)

    def close(self) -> None:
        with self._connecting:
            if self._connected is not None:
                self._connected.close()

    @property
    def _transport(self) -> httpx.BaseTransport:
        with self._connecting:
            if self._connected is None:
                self._connected = self._connect(str(self._base_url))
            return self._connected

    def _at(self, path: str) -> httpx.URL:
        """The address of a path, which may have a query: few have none, and those are kept."""
        known = self._urls.get(path)
        if known is None:
            known = self._base_url.copy_with(
                raw_path=self._base_url.raw_path.rstrip(b"/") + path.encode("ascii")
            )
            if "?" not in path and len(self._urls) < _KEPT:
                self._urls[path] = known
        return known

    def _call(self, method: str, path: str, body: bytes, reads: str) -> Cbor:
        span = Span(self._now() + self._whole, self._timeout, self._is_stopped, self._now)
        transport, url = self._transport, self._at(path)
        authority = url.netloc.decode("ascii")
        dated = self._clock()
        headers = {
            "authorization": sign_call(
                method,
                authority + url.raw_path.decode("ascii"),
                body,
                self._signers.calling(dated),
                lambda: dated,
                self._random,
            ),
            HEADER: reads,
        }
        if method == "POST":
            headers["content-type"] = BODY_TYPE
        request = httpx.Request(method, url, headers=headers, content=body, extensions={SPAN: span})
        try:
            span.check()
            response = transport.handle_request(request)
            try:
                return _answer(response, span)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise NoAnswer(Code.UNREACHABLE, {"service": authority}) from error


def _url(text: str) -> httpx.URL:
    """UNREACHABLE for what is no address."""
    try:
        url = httpx.URL(text)
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise NoAnswer(Code.UNREACHABLE, {"service": text[:64]}) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise NoAnswer(Code.UNREACHABLE, {"service": text[:64]})
    return url


def _answer(response: httpx.Response, span: Span) -> Cbor:
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    is_problem = kind == MEDIA_TYPE
    if not is_problem and not (response.status_code == 200 and kind == BODY_TYPE):
        raise NoAnswer(Code.UNREACHABLE, {"status": response.status_code})
    try:
        raw = _bounded(response, MAX_PROBLEM_BYTES if is_problem else MAX_ANSWER_BYTES, span)
        if not is_problem:
            return codec.decode(raw, MAX_ANSWER_BYTES)
    except Refusal as refusal:
        raise unreadable(refusal) from refusal
    raise decode_problem(raw, response.status_code)


def _bounded(response: httpx.Response, limit: int, span: Span) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_raw():
        span.check()
        size += len(part)
        require(size <= limit, Code.TOO_LARGE, limit=limit)
        parts.append(part)
    return b"".join(parts)
