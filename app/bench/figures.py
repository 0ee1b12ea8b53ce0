"""Figures and the arithmetic on them: medians, how far the rounds lie apart, ratios.

Rule: two figures are only compared when they come from the same rounds; a ratio is taken within each round, and
its median is what is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any, Final


class Unit(StrEnum):
    """What a figure counts. The value is the key of its word in the catalogue's ``bench`` table."""

    MICROSECONDS = "us"
    MILLISECONDS = "ms"
    SECONDS = "s"
    PER_SECOND = "per_second"
    TIMES = "times"
    FRAMES = "frames"
    FLUSHES = "flushes"
    KIBIBYTES = "kib"
    MEBIBYTES = "mib"
    COUNT = "count"


_PLACES: Final = {
    Unit.MICROSECONDS: 1,
    Unit.MILLISECONDS: 2,
    Unit.SECONDS: 2,
    Unit.PER_SECOND: 0,
    Unit.TIMES: 2,
    Unit.FRAMES: 0,
    Unit.FLUSHES: 0,
    Unit.KIBIBYTES: 0,
    Unit.MEBIBYTES: 1,
    Unit.COUNT: 1,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure's rounds, its least and its most."""

    median: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report: ``name`` is its key in the catalogue's ``bench`` table, ``facts`` fill it in.

    ``key`` names it in JSON; ``aim`` is what it should be, where an aim was set: at most so much, or at least where the
    ``floor``, short of which it must not be, is less.
    """

    key: str
    name: str
    unit: Unit
    spread: Spread
    aim: float | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)
    floor: float | None = None

    @property
    def is_more_better(self) -> bool:
        return self.floor is not None and self.aim is not None and self.floor < self.aim

    @property
    def misses_floor(self) -> bool:
        """Whether its median is short of the floor."""
        if self.floor is None:
            return False
        value = self.spread.median
        return value < self.floor if self.is_more_better else value > self.floor

    def as_numbers(self) -> dict[str, float]:
        numbers = {"median": self.spread.median, "min": self.spread.minimum, "max": self.spread.maximum}
        goals = {"aim": self.aim, "floor": self.floor}
        return {**numbers, **{name: goal for name, goal in goals.items() if goal is not None}}


@dataclass(frozen=True, slots=True)
class Findings:
    """What one measure found: counts that describe what was measured (``facts``), and figures."""

    facts: Mapping[str, int]
    figures: Sequence[Figure]

    def as_fields(self) -> dict[str, Any]:
        """The JSON object: counts, and ``{median, min, max[, aim]}`` per figure; the unit ends each figure's key."""
        return {**self.facts, **{figure.key: figure.as_numbers() for figure in self.figures}}


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values))


def ratios(upper: Sequence[float], lower: Sequence[float]) -> list[float]:
    """Round by round, ``upper`` over ``lower``. Both have a value for each round."""
    return [above / below for above, below in zip(upper, lower, strict=True)]


def milliseconds(seconds: Sequence[float]) -> list[float]:
    return [1_000 * value for value in seconds]


def written(value: float, unit: Unit) -> str:
    """A number as people here write it: groups of three, a decimal comma."""
    return f"{value:,.{_PLACES[unit]}f}".replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")
