"""What is told of the ledger: the lines of the report, what each should be, and nothing measured here.

Rule: goals are set for PostgreSQL alone, and for what is measured whole; those for memory hold on every engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from app.bench.figures import Figure, Unit, spread

if TYPE_CHECKING:
    from app.bench.ledger_uploads import Spent


@dataclass(frozen=True, slots=True)
class Goal:
    """The least that a figure should be (the most, where ``aim`` is less), and what it is to become."""

    floor: float | None
    aim: float


RATIO: Final = {16: Goal(0.40, 0.50), 64: Goal(0.50, 0.60)}
RATE: Final = {16: Goal(3_000, 5_000), 64: Goal(3_000, 6_500)}
REPEAT: Final = Goal(0.10, 0.07)
CONSUMED: Final = Goal(0.70, 0.85)
MEMORY: Final = Goal(None, 150)
"""MiB of one worker."""
GROWN: Final = Goal(15, 5)
"""MiB that a worker may have more at the end than after a quarter, and still be called flat: a tenth of what it may
hold, which is what batches of another size make of it."""
PEER: Final = Goal(15, 22)
PEER_MILLISECONDS: Final = 5.5
"""Of the processor for a verified input, by the peer mint nutshell 0.21.0, 15 proofs a swap, on the machine on which
this was begun: it is not installed here, and not measured in this run."""
PILOT: Final = Goal(60, 20)
"""Seconds by the clock."""
NODES: Final = Goal(0.70, 0.90)
_MEBIBYTE: Final = 1 << 20


def one(
    key: str,
    name: str,
    unit: Unit,
    value: float,
    goal: Goal | None = None,
    facts: Mapping[str, int | str] | None = None,
) -> Figure:
    """A line of one value, whose spread is itself."""
    aim, floor = (goal.aim, goal.floor) if goal else (None, None)
    return Figure(key, name, unit, spread([value]), aim, facts or {}, floor)


def has_goals(engine: str) -> bool:
    """Whether anything was set for an engine."""
    return engine == "postgres"


def of_uploads(engine: str, in_flight: int, first: Spent, again: Spent) -> list[Figure]:
    """The report's lines on uploads and on the same again."""
    key = f"{engine}_{in_flight}"
    facts: dict[str, int | str] = {"engine": engine, "in_flight": in_flight}
    hop = 1_000_000 / first.hops
    ratio, rate, repeat, peer = (
        (RATIO[in_flight], RATE[in_flight], REPEAT, PEER) if has_goals(engine) else (None, None, None, None)
    )
    taken = first.taken
    parts = [
        one(f"{key}_{_word(who)}_us", "ledger_part", Unit.MICROSECONDS, hop * seconds, None, {"who": who})
        for who, seconds in taken.by_whom.items()
    ]
    batches = [
        one(
            f"{key}_{_word(who)}_{what}_batch",
            "ledger_batch",
            Unit.COUNT,
            size,
            None,
            {"who": who, "what": what},
        )
        for (who, what), size in first.batches.items()
    ]
    less = PEER_MILLISECONDS * 1_000 / hop / taken.services
    return [
        one(f"{key}_ratio", "ledger_ratio", Unit.TIMES, first.bare / taken.services, ratio, facts),
        one(f"{key}_hops_per_s", "ledger_rate", Unit.PER_SECOND, first.rate, rate),
        one(f"{key}_repeat", "ledger_repeat", Unit.TIMES, again.taken.services / taken.services, repeat),
        one(f"{key}_bare_us", "ledger_bare", Unit.MICROSECONDS, hop * first.bare),
        one(f"{key}_services_us", "ledger_services", Unit.MICROSECONDS, hop * taken.services),
        *parts,
        one(f"{key}_idle_us", "ledger_idle", Unit.MICROSECONDS, hop * taken.idle),
        *batches,
        one(f"{key}_peer", "ledger_peer", Unit.TIMES, less, peer),
        one(f"{key}_again", "ledger_again", Unit.COUNT, first.loaded.again),
    ]


def of_memory(engine: str, held: Sequence[Mapping[int, int]]) -> list[Figure]:
    """What the largest worker held after a quarter, after half and after all of a run, and by how much the one that
    grew most has grown since the quarter. ``held``: bytes by process after each of as many equal parts."""
    quarter, half, whole = (held[ceil(len(held) * part) - 1] for part in (0.25, 0.5, 1.0))
    grown = max((bytes_ - quarter[pid] for pid, bytes_ in whole.items() if pid in quarter), default=0)

    def line(end: str, name: str, value: int, goal: Goal) -> Figure:
        return one(
            f"{engine}_memory{end}_mib", name, Unit.MEBIBYTES, value / _MEBIBYTE, goal, {"engine": engine}
        )

    return [
        line("", "ledger_memory", max(whole.values()), MEMORY),
        line("_quarter", "ledger_memory_quarter", max(quarter.values()), MEMORY),
        line("_half", "ledger_memory_half", max(half.values()), MEMORY),
        line("_grown", "ledger_grown", max(grown, 0), GROWN),
    ]


def of_consumed(references: int, empty: Spent, full: Spent) -> list[Figure]:
    """Rates with so many consumed references more against those before, by processor time and by the clock."""
    facts, clock = {"count": references}, empty.loaded.seconds / full.loaded.seconds
    cpu = empty.taken.services / full.taken.services
    return [
        one("consumed_rate", "ledger_consumed", Unit.TIMES, cpu, CONSUMED, facts),
        one("consumed_clock", "ledger_consumed_clock", Unit.TIMES, clock),
    ]


def of_nodes(in_flight: int, single: Spent, three: Spent) -> list[Figure]:
    """Three nodes under quorum against one, the same uploads: the rates by the clock, and processor time."""
    key, hop = f"nodes_{in_flight}", 1_000_000 / single.hops
    facts: dict[str, int | str] = {"in_flight": in_flight}
    lines = [one(f"{key}_ratio", "ledger_nodes", Unit.TIMES, three.rate / single.rate, NODES, facts)]
    for name, spent in (("one", single), ("three", three)):
        services = hop * spent.taken.services
        lines += [
            one(f"{key}_{name}_hops_per_s", f"ledger_nodes_{name}", Unit.PER_SECOND, spent.rate),
            one(f"{key}_{name}_services_us", "ledger_services", Unit.MICROSECONDS, services),
        ]
    return lines


def _word(name: str) -> str:
    """A part of a figure's key."""
    return re.sub(r"\W+", "_", name).lower()
