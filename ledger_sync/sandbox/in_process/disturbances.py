"""What networks do to calls: cut them, delay them, hold them up, spoil, lose or repeat them.

Rule: a disturbance knows nothing of what is said; it never makes up a call, only what was sent is ever delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import httpx

from ledger_sync.sandbox.in_process.lines import Exchange


def cut(exchange: Exchange) -> httpx.Response:
    """The call never arrives, and its caller is told."""
    raise httpx.ConnectError("no line", request=exchange.request)


def lose_answer(exchange: Exchange) -> httpx.Response:
    """The call is carried out, and its answer lost."""
    exchange.deliver()
    raise httpx.ReadError("the line was cut", request=exchange.request)


def repeat(exchange: Exchange) -> httpx.Response:
    """The call arrives twice; the caller hears the first answer."""
    first = exchange.deliver()
    exchange.deliver()
    return first


class CutAfter:
    """The answer to the `count`-th call is lost, and no other gets through."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, exchange: Exchange) -> httpx.Response:
        if self._left == 0:
            return cut(exchange)
        self._left -= 1
        return exchange.deliver() if self._left else lose_answer(exchange)


class Delay:
    """`wait` is called before a call is carried out, and again before its answer arrives."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self._wait = wait

    def __call__(self, exchange: Exchange) -> httpx.Response:
        self._wait()
        response = exchange.deliver()
        self._wait()
        return response


class HoldUp:
    """Calls stay on the way: their callers give up, and `release` delivers them after all; nobody hears the answers."""

    def __init__(self) -> None:
        self.held: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> httpx.Response:
        self.held.append(exchange)
        raise httpx.ReadTimeout("held up", request=exchange.request)

    def release(self) -> list[httpx.Response]:
        """What was answered, in the order of the calls; those that found nobody are left out."""
        held, self.held = self.held, []
        return [response for exchange in held if (response := _late(exchange)) is not None]


class Overhear:
    """Calls go through, and `replay` sends all of them again, byte for byte."""

    def __init__(self) -> None:
        self.heard: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> httpx.Response:
        self.heard.append(exchange)
        return exchange.deliver()

    def replay(self) -> list[httpx.Response]:
        """What was answered to the second time, in order; those that found nobody are left out."""
        return [response for exchange in self.heard if (response := _late(exchange)) is not None]


def _late(exchange: Exchange) -> httpx.Response | None:
    try:
        return exchange.deliver()
    except httpx.TransportError:
        return None


class Spoiling(Enum):
    """How an answer can't be read. None of these can be taken for another answer."""

    EMPTY = "no byte of it"
    TORN = "its first half"
    PAGE = "the page of some proxy"
    OTHER = "CBOR of another shape"
    TYPELESS = "no content type"


class Unreadable:
    """The call is carried out, and what comes back can't be read."""

    def __init__(self, spoiling: Spoiling) -> None:
        self._spoiling = spoiling

    def __call__(self, exchange: Exchange) -> httpx.Response:
        response = exchange.deliver()
        return _spoilt(response, response.read(), self._spoiling)


def _spoilt(response: httpx.Response, content: bytes, spoiling: Spoiling) -> httpx.Response:
    status, headers = response.status_code, {"content-type": response.headers.get("content-type", "")}
    match spoiling:
        case Spoiling.EMPTY:
            content = b""
        case Spoiling.TORN:
            content = content[: len(content) // 2]
        case Spoiling.PAGE:
            status, headers, content = 502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>"
        case Spoiling.OTHER:
            content = b"\xa1\x00\x00"
        case Spoiling.TYPELESS:
            headers = {}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))
