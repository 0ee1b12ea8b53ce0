"""Rounds: everybody runs equally often and in turns, the first round does not count, preparing is not measured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from app.bench.rounds import Action, Lap, Stopwatch, side_by_side


class Time:
    """A clock that only moves when something is said to take time."""

    def __init__(self) -> None:
        self.now = 0.0

    def take(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def contest(rounds: int) -> tuple[dict[str, list[float]], list[str], list[int]]:
    """Laps of a quick and a slow contender, the order in which they ran, and what ``done`` heard."""
    time, numbers = Time(), count()
    ran: list[str] = []
    heard: list[int] = []

    def prepare() -> dict[str, Action]:
        time.take(100)
        number = next(numbers)
        return {"quick": lambda: run("quick", 1 + number), "slow": lambda: run("slow", 10 + number)}

    def run(name: str, seconds: float) -> None:
        ran.append(name)
        time.take(seconds)

    laps = side_by_side(rounds, prepare, heard.append, Stopwatch(time, time))
    assert laps.wall("quick") == laps.cpu("quick")
    return {name: laps.cpu(name) for name in laps.by_name}, ran, heard


def test_the_first_round_does_not_count_and_preparing_is_not_measured() -> None:
    laps, _, _ = contest(3)
    assert laps == {"quick": [2, 3, 4], "slow": [11, 12, 13]}


def test_they_take_turns_at_going_first() -> None:
    _, ran, _ = contest(3)
    assert ran == ["quick", "slow", "slow", "quick", "quick", "slow", "slow", "quick"]


def test_every_round_is_told() -> None:
    _, _, heard = contest(2)
    assert heard == [0, 1, 2]


def test_a_lap_has_both_clocks() -> None:
    cpu, wall = Time(), Time()

    def work() -> None:
        cpu.take(2)
        wall.take(5)

    assert Stopwatch(cpu, wall).lap(work) == Lap(2, 5)
    assert Lap(2, 5) + Lap(1, 1) == Lap(3, 6)


def test_laps_of_a_generator_are_its_steps() -> None:
    cpu = Time()

    def steps() -> Iterator[None]:
        for seconds in (1, 2, 3):
            cpu.take(seconds)
            yield

    running, watch = steps(), Stopwatch(cpu, cpu)
    assert [watch.lap(lambda: next(running)).cpu for _ in range(3)] == [1, 2, 3]
