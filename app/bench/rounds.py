"""Rounds: what is compared runs in turns, so that a busy or a throttled machine slows all of it alike.

Processor time is that of this process, all threads, user and system together (``time.process_time``).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Action = Callable[[], object]
Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Lap:
    """Seconds that one action took: of the processor, and by the clock on the wall."""

    cpu: float
    wall: float

    def __add__(self, other: Lap) -> Lap:
        return Lap(self.cpu + other.cpu, self.wall + other.wall)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Two clocks, in seconds."""

    cpu: Seconds = time.process_time
    wall: Seconds = time.perf_counter

    def lap(self, action: Action) -> Lap:
        wall, cpu = self.wall(), self.cpu()
        action()
        cpu_after, wall_after = self.cpu(), self.wall()
        return Lap(cpu_after - cpu, wall_after - wall)


@dataclass(frozen=True, slots=True)
class Laps:
    """The laps of each contender, in the order of the rounds."""

    by_name: Mapping[str, tuple[Lap, ...]]

    def cpu(self, name: str) -> list[float]:
        return [lap.cpu for lap in self.by_name[name]]

    def wall(self, name: str) -> list[float]:
        return [lap.wall for lap in self.by_name[name]]


def side_by_side(
    rounds: int,
    prepare: Callable[[], Mapping[str, Action]],
    done: Callable[[int], None] = lambda count: None,
    stopwatch: Stopwatch | None = None,
) -> Laps:
    """Run ``rounds`` rounds after one that is thrown away; every round prepares its contenders anew.

    Each round begins with another contender, so that none always runs in another's wake. ``done`` hears how many
    rounds are over. Preparing is not measured, nor is picking up after it.
    """
    watch = stopwatch or Stopwatch()
    laps: dict[str, list[Lap]] = {}
    for number in range(rounds + 1):
        actions = list(prepare().items())
        gc.collect()
        first = number % len(actions)
        for name, action in actions[first:] + actions[:first]:
            lap = watch.lap(action)
            if number:
                laps.setdefault(name, []).append(lap)
        done(number)
    return Laps({name: tuple(found) for name, found in laps.items()})
