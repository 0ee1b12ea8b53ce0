"""Many calls in flight over kept connections, as cheap for the caller as Python allows, so that the services are what
is measured.

Rule: every call is signed before the clock starts, by the key of whoever makes it, as a wallet's is; one that hears
"busy" is signed and made again after as many seconds as it was told, and one whose line is closed over another.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.bench.throwaway import SoftKey
from ledger_sync.http.call import WINDOW, Signer, sign_call
from ledger_sync.http.problems import AFTER, decode_problem
from ledger_sync.http.reading import HEADER, READS
from ledger_sync.http.routes import BODY_TYPE
from wallet.protocol.codes import Code, Refusal

_OK: Final = 200
_MOST_TRIES: Final = 100
_FRESH_SECONDS: Final = WINDOW / 2
"""For which a call may wait for its turn; one that waited longer is signed anew."""
_MOST_BYTES: Final = 1 << 21


@dataclass(frozen=True, slots=True)
class Post:
    """A call to be made: by whom, where to, and its body."""

    device: SoftKey
    path: str
    body: bytes


@dataclass(slots=True)
class Loaded:
    """Answers in the order of the calls, each call's seconds, how often one was told to come back or lost its line, all
    by the clock, and when it ``began`` there."""

    answers: list[bytes]
    waits: list[float]
    again: int = 0
    seconds: float = 0.0
    began: float = 0.0


@dataclass(slots=True)
class _Line:
    """A connection, opened when it is needed."""

    host: str
    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=_MOST_BYTES)
        return self._streams

    async def call(self, request: bytes) -> tuple[int, bytes] | None:
        """Status and body; None where the line was closed instead."""
        try:
            reader, writer = await self.open()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            return int(head[9:12]), await reader.readexactly(length)
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            return None

    async def close(self) -> None:
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@dataclass(slots=True)
class Load:
    """Calls to the service at ``url``, so many in flight at a time. ``done`` hears how many are answered."""

    url: str
    in_flight: int
    done: Callable[[int], None] = lambda _count: None

    def run(self, posts: Sequence[Post]) -> Loaded:
        """Raises ``Refusal``: what the service says to a call, but for BUSY; UNREACHABLE."""
        signed = [self._signed(post) for post in posts]
        try:
            return asyncio.run(self._all(posts, signed))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    def _signed(self, post: Post) -> bytes:
        where = urlsplit(self.url).netloc
        signer = Signer(post.device.public, post.device.sign)
        call = sign_call("POST", where + post.path, post.body, signer, lambda: int(time.time()), os.urandom)
        head = (
            f"POST {post.path} HTTP/1.1\r\nhost: {where}\r\nauthorization: {call}\r\n{HEADER}: {READS}\r\n"
            f"content-type: {BODY_TYPE}\r\ncontent-length: {len(post.body)}\r\n\r\n"
        )
        return head.encode() + post.body

    async def _all(self, posts: Sequence[Post], signed: Sequence[bytes]) -> Loaded:
        loaded = Loaded([b""] * len(posts), [0.0] * len(posts))
        where = urlsplit(self.url)
        lines = [_Line(where.hostname or "", where.port or 0) for _ in range(min(self.in_flight, len(posts)))]
        numbers = iter(range(len(posts)))
        try:
            for line in lines:
                await line.open()
            began = time.perf_counter()
            loaded.began = began
            async with asyncio.TaskGroup() as group:
                for line in lines:
                    group.create_task(self._one_by_one(line, numbers, posts, signed, loaded))
            loaded.seconds = time.perf_counter() - began
        finally:
            for line in lines:
                await line.close()
        return loaded

    async def _one_by_one(
        self,
        line: _Line,
        numbers: Iterator[int],
        posts: Sequence[Post],
        signed: Sequence[bytes],
        loaded: Loaded,
    ) -> None:
        for number in numbers:
            began = time.perf_counter()
            is_fresh = began - loaded.began < _FRESH_SECONDS
            request = signed[number] if is_fresh else self._signed(posts[number])
            loaded.answers[number] = await self._answered(line, posts[number], request, loaded)
            loaded.waits[number] = time.perf_counter() - began
            self.done(number + 1)

    async def _answered(self, line: _Line, post: Post, request: bytes, loaded: Loaded) -> bytes:
        for _ in range(_MOST_TRIES):
            answer = await line.call(request)
            if answer is not None and answer[0] == _OK:
                return answer[1]
            if answer is not None:
                refusal = decode_problem(answer[1], answer[0])
                if refusal.code is not Code.BUSY:
                    raise refusal
                await asyncio.sleep(int(refusal.facts.get(AFTER, 1)))
            loaded.again += 1
            request = self._signed(post)
        raise Refusal(Code.UNREACHABLE, {"service": self.url})
