"""Callers who stay are spread evenly over whoever lets them in; nobody waits for one that lets nobody in."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ledger_sync.service.evenly import Acceptor, Share, SharedLines
from ledger_sync.service.listeners import bound
from ledger_sync.service.settings import Address

SECONDS = 60
"""After which a test has failed."""


class Answering(asyncio.Protocol):
    """A line that says whose it is."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.process.lines.add(self)
        transport.write(bytes([self.process.number]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.process.lines.discard(self)
        self.process.acceptor.tell()


class Process:
    """One of those that listen on a socket, emulated in the loop of all."""

    def __init__(self, number: int, listener: socket.socket, shared: SharedLines) -> None:
        self.number = number
        self.lines: set[Answering] = set()
        self.listener = listener
        share = Share(shared, number)
        self.acceptor = Acceptor(listener, lambda: Answering(self), lambda: len(self.lines), share)
        self.acceptor.start()


class Caller:
    """Somebody whose line stays until it is closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._reader, self._writer = reader, writer
        self.number = number
        """Whose line it is."""

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Door:
    """A socket, and who lets callers in by it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.address = listener.getsockname()
        self.shared = SharedLines.made()
        self.processes: list[Process] = []

    def open(
        self, number: int, made: Callable[[socket.socket], socket.socket] = socket.socket.dup
    ) -> Process:
        own = made(self._listener)
        own.setblocking(False)
        self.processes.append(Process(number, own, self.shared))
        return self.processes[-1]

    async def caller(self) -> Caller:
        reader, writer = await asyncio.open_connection(*self.address[:2])
        (number,) = await asyncio.wait_for(reader.readexactly(1), SECONDS)
        return Caller(reader, writer, number)

    async def callers(self, count: int) -> list[Caller]:
        return [await self.caller() for _ in range(count)]


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    with bound(Address("127.0.0.1", 0), "port") as listener:
        made = Door(listener)
        try:
            yield made
        finally:
            for process in made.processes:
                process.acceptor.stop()


def played(story: Callable[[Door], Awaitable[Any]]) -> None:
    async def play() -> None:
        async with door() as made:
            await story(made)

    asyncio.run(play())


def whose(callers: list[Caller]) -> list[int]:
    """How many lines each has."""
    return [sum(caller.number == number for caller in callers) for number in (1, 2)]


@pytest.mark.parametrize("at_once", [False, True])
def test_sixteen_that_stay_come_out_even(at_once: bool) -> None:
    async def story(door: Door) -> None:
        door.open(1)
        door.open(2)
        if at_once:
            callers = list(await asyncio.gather(*(door.caller() for _ in range(16))))
        else:
            callers = await door.callers(16)
        assert abs(whose(callers)[0] - 8) <= at_once, whose(callers)

    played(story)


def test_who_begins_later_or_has_lost_its_callers_gets_the_next_ones() -> None:
    async def story(door: Door) -> None:
        door.open(1)
        first = await door.callers(6)
        assert whose(first) == [6, 0]
        second = door.open(2)
        callers = await door.callers(6)
        assert whose(callers) == [0, 6]
        for caller in callers[:4]:
            await caller.close()
        while len(second.lines) > 2:
            await asyncio.sleep(0)
        assert whose(await door.callers(4)) == [0, 4]

    played(story)


def test_who_has_the_fewest_and_lets_nobody_in_keeps_nobody_waiting() -> None:
    async def story(door: Door) -> None:
        door.open(1)
        door.shared.set(2, 0)  # it hangs
        assert whose(await door.callers(5)) == [5, 0]

    played(story)


def test_nobody_is_left_to_one_that_has_died() -> None:
    shared = SharedLines.made()
    shared.set(1, 3)
    assert not shared.is_ahead(1)
    shared.set(2, 2)
    assert shared.is_ahead(1)
    assert not shared.is_ahead(2)
    shared.leave(2)
    assert not shared.is_ahead(1)


def test_who_ends_lets_nobody_in_and_leaves_all_to_the_others() -> None:
    async def story(door: Door) -> None:
        door.open(1)
        second = door.open(2)
        assert whose(await door.callers(4)) == [2, 2]
        door.shared.set(3, 0)  # whoever comes is left to that one for a moment, in which the second ends
        waiting = [asyncio.create_task(door.caller()) for _ in range(3)]
        await asyncio.sleep(0)
        second.acceptor.stop()
        assert second.listener.fileno() < 0
        assert whose(list(await asyncio.gather(*waiting))) == [3, 0]

    played(story)


class Exhausted(socket.socket):
    """A socket for which there was no descriptor once."""

    has_failed = False

    def accept(self) -> Any:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


def test_where_there_is_no_descriptor_a_caller_waits_and_is_let_in_later() -> None:
    async def story(door: Door) -> None:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told["message"]))
        door.open(1, lambda listener: Exhausted(fileno=listener.dup().detach()))
        assert whose(await door.callers(2)) == [2, 0]
        assert said == ["socket.accept() out of system resource"]

    played(story)
