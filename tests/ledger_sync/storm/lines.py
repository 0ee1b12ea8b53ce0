"""Connections that go bad: to a service or to its database, through one place each.

Rule: what is cut is cut at a message, never at a time: "before" in place of passing it on, "after" in place of passing
on what is answered to it; who called hears the same of both. A line knows nothing of what it carries but the mark by
which such a message is known.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

R = TypeVar("R")
Cut = Literal["before", "after"]
Place = tuple[str, int] | Path
"""Host and port, or a socket in a folder."""
COMMIT: Final = b"commit\0"
"""By which a message to PostgreSQL is known to end a transaction."""
CALL: Final = b"POST /"
_READ: Final = 65_536


@dataclass(eq=False, slots=True)
class _Pair:
    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    is_cut: bool = False

    def abort(self) -> None:
        for end in self.ends:
            end.transport.abort()


@dataclass(eq=False)
class Line:
    """A way to ``back``, with everybody who is on it."""

    network: Network
    back: Place
    mark: bytes
    cuts: int = 0
    _armed: Cut | None = None
    _pairs: set[_Pair] = field(default_factory=set)
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    def arm(self, cut: Cut) -> None:
        """The next marked message is cut."""
        self._armed = cut

    def cut(self) -> None:
        """Whoever is connected is so no more."""

        async def cut() -> None:
            self.end()

        self.network.do(cut())

    def end(self) -> None:
        """``cut``, in the thread of the network."""
        for pair in tuple(self._pairs):
            pair.abort()

    def hold(self) -> None:
        """Nothing is passed on any more, and nobody is told."""
        self.network.call(self.flows.clear)

    def release(self) -> None:
        """What was held arrives."""
        self.network.call(self.flows.set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await _connected(self.back)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair((writer, back_writer))
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pass(reader, back_writer, pair, True), self._pass(back_reader, writer, pair, False)
            )
        finally:
            self._pairs.discard(pair)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair, is_call: bool
    ) -> None:
        try:
            while data := await reader.read(_READ):
                await self.flows.wait()
                if is_call and self._armed is not None and self.mark in data:
                    cut, self._armed = self._armed, None
                    self.cuts += 1
                    if cut == "before":
                        pair.abort()
                        return
                    pair.is_cut = True
                elif pair.is_cut and not is_call:
                    pair.abort()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            pair.abort()
        writer.close()


class Network:
    """A thread in which all lines of a run pass on what they carry."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lines", daemon=True)
        self._thread.start()

    def line(self, front: Place, back: Place, mark: bytes) -> Line:
        """From now on whoever connects to ``front`` is led to ``back``."""
        line = Line(self, back, mark)
        self._lines.append(line)

        async def listen() -> None:
            line.release()
            if isinstance(front, Path):
                await asyncio.start_unix_server(line.serve, front)
            else:
                await asyncio.start_server(line.serve, *front)

        self.do(listen())
        return line

    def do(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    def close(self) -> None:
        """Nothing is carried any more."""

        async def end() -> None:
            for line in self._lines:
                line.flows.set()
                line.end()
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

        self.do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _connected(back: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(back, Path):
        return await asyncio.open_unix_connection(back)
    return await asyncio.open_connection(*back)
