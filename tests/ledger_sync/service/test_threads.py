"""Rooms: so many threads, so many at the door, each for so long; from one room into the next by the same thread."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from ledger_sync.service.threads import GATE, Further, Threads
from wallet.protocol.codes import Code, Refusal

R = TypeVar("R")
LONG = 60.0
"""Seconds that no test waits for."""


class Stand:
    """Rooms of two threads and a door for one, in a loop; calls that wait until they are let go."""

    def __init__(self, seconds: float = LONG) -> None:
        self.threads = Threads(2, 1, seconds)
        self._go = threading.Event()
        self.ran: list[threading.Thread] = []

    def run(self, test: Callable[[], Coroutine[Any, Any, R]]) -> R:
        async def bounded() -> R:
            try:
                return await asyncio.wait_for(test(), LONG)
            finally:
                self._go.set()

        try:
            return asyncio.run(bounded())
        finally:
            self.threads.close()

    def wait(self) -> str:
        self.ran.append(threading.current_thread())
        self._go.wait()
        return "waited"

    def quick(self) -> str:
        self.ran.append(threading.current_thread())
        return "quick"

    def go(self) -> None:
        self._go.set()

    async def held(self, count: int, room: str) -> list[asyncio.Task[str]]:
        """So many calls of it that wait, and as many at its door as have no place."""
        tasks = [asyncio.create_task(self.threads(self.wait, room=room)) for _ in range(count)]
        while (found := dict(self.load())).get(room, 0) < count:
            await asyncio.sleep(0)
        assert found[room] == count
        return tasks

    def load(self) -> list[tuple[str, int]]:
        return [(room, running + waiting) for room, running, waiting in self.threads.load()]

    async def through(self, first: str, then: str, function: Callable[[], Any]) -> Any:
        return await self.threads(lambda: Further(function, then), room=first)


async def refused(call: Coroutine[Any, Any, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


def test_it_gives_what_the_function_gives_or_raises_what_it_raises() -> None:
    stand = Stand()

    def fails() -> None:
        raise Refusal(Code.NOT_FOUND)

    async def test() -> None:
        assert await stand.threads(lambda one, two: one + two, 1, 2) == 3
        assert (await refused(stand.threads(fails))).code is Code.NOT_FOUND
        assert stand.threads.load() == [("", 0, 0)]

    stand.run(test)


def test_a_call_that_fails_leaves_nothing_to_the_collector_of_cycles() -> None:
    """It holds the call's body, which may be large."""
    stand = Stand()

    def fails() -> None:
        raise Refusal(Code.NOT_FOUND)

    async def call(count: int) -> None:
        for _ in range(count):
            with contextlib.suppress(Refusal):
                await stand.threads(fails)
        assert await stand.threads(stand.quick) == "quick", "and its thread is through with all of them"

    async def test() -> int:
        await call(1)
        gc.collect()
        gc.disable()
        try:
            await call(100)
            return gc.collect()
        finally:
            gc.enable()

    assert stand.run(test) < 100


def test_a_full_room_has_one_at_its_door_and_refuses_the_next_and_no_other_rooms() -> None:
    stand = Stand()

    async def test() -> None:
        tasks = await stand.held(3, "slow")
        assert stand.threads.load() == [("slow", 2, 1)]
        refusal = await refused(stand.threads(stand.quick, room="slow"))
        assert (refusal.code, refusal.facts) == (Code.BUSY, {"after": 1})
        assert await stand.threads(stand.quick, room="other") == "quick"
        stand.go()
        assert await asyncio.gather(*tasks) == ["waited"] * 3
        assert dict(stand.load()) == {"slow": 0, "other": 0}

    stand.run(test)


def test_who_waits_at_a_door_for_too_long_hears_so_and_has_not_run() -> None:
    stand = Stand(seconds=0.01)

    async def test() -> None:
        tasks = await stand.held(2, "slow")
        assert (await refused(stand.threads(stand.quick, room="slow"))).code is Code.BUSY
        assert stand.threads.load() == [("slow", 2, 0)]
        stand.go()
        await asyncio.gather(*tasks)

    stand.run(test)
    assert len(stand.ran) == 2


def test_any_number_waits_at_the_gate() -> None:
    stand = Stand()

    async def test() -> None:
        tasks = await stand.held(50, GATE)
        stand.go()
        assert await asyncio.gather(*tasks) == ["waited"] * 50

    stand.run(test)


def test_who_gives_up_at_a_door_is_not_waited_for_and_takes_no_place_along() -> None:
    stand = Stand()

    async def test() -> None:
        tasks = await stand.held(3, "slow")
        tasks[2].cancel()
        await asyncio.wait([tasks[2]])
        assert stand.threads.load() == [("slow", 2, 0)]
        late = asyncio.create_task(stand.threads(stand.quick, room="slow"))
        await asyncio.sleep(0)
        stand.go()
        assert await late == "quick"
        await asyncio.gather(*tasks[:2])
        assert stand.threads.load() == [("slow", 0, 0)]

    stand.run(test)


def test_a_call_goes_on_in_the_next_room_by_the_same_thread_and_leaves_the_first() -> None:
    stand = Stand()

    def first() -> Further:
        stand.quick()
        return Further(stand.wait, "slow")

    async def test() -> None:
        tasks = [asyncio.create_task(stand.threads(first, room=GATE)) for _ in range(2)]
        while dict(stand.load()).get("slow", 0) < 2:
            await asyncio.sleep(0)
        assert dict(stand.load()) == {GATE: 0, "slow": 2}
        assert await stand.threads(stand.quick, room=GATE) == "quick", (
            "those in there are in nobody's way here"
        )
        stand.go()
        assert await asyncio.gather(*tasks) == ["waited"] * 2

    stand.run(test)
    assert len(set(stand.ran[:-1])) == 2


def test_where_the_next_room_is_full_the_caller_is_told_what_is_left_to_do() -> None:
    stand = Stand()

    async def test() -> None:
        tasks = await stand.held(2, "slow")
        came = await stand.through(GATE, "slow", stand.quick)
        assert came == Further(stand.quick, "slow")
        assert dict(stand.load()) == {"slow": 2, GATE: 0}
        stand.go()
        await asyncio.gather(*tasks)

    stand.run(test)


def test_threads_end_once_it_is_closed_whatever_they_are_at() -> None:
    stand, before = Stand(), set(threading.enumerate())

    async def test() -> None:
        await stand.threads(stand.quick)
        await stand.held(2, "slow")
        stand.threads.close()

    stand.run(test)
    for thread in set(threading.enumerate()) - before:
        thread.join(LONG)
        assert not thread.is_alive()
