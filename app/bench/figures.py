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

    MILLISECONDS = "ms"
    SECONDS = "s"
    PER_SECOND = "per_second"
    TIMES = "times"
    FRAMES = "frames"
    FLUSHES = "flushes"
    KIBIBYTES = "kib"


_PLACES: Final = {
    Unit.MILLISECONDS: 2,
    Unit.SECONDS: 2,
    Unit.PER_SECOND: 0,
    Unit.TIMES: 2,
    Unit.FRAMES: 0,
    Unit.FLUSHES: 0,
    Unit.KIBIBYTES: 0,
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

    ``key`` names it in JSON; ``aim`` is the most it should be, where an aim was set.
    """

    key: str
    name: str
    unit: Unit
    spread: Spread
    aim: float | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)

    def as_numbers(self) -> dict[str, float]:
        numbers = {"median": self.spread.median, "min": self.spread.minimum, "max": self.spread.maximum}
        return numbers if self.aim is None else {**numbers, "aim": self.aim}


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
