"""Processor time of services and PostgreSQL, as the kernel counts it: user and system, of whole trees of processes.

Rule: nothing is left out. What a process took that has ended since is its parent's in the kernel's count, and
counts with it. To the kernel's tick (proc(5), ``stat``), which is ten milliseconds a process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc tells of it: ``spent`` seconds, ``buried`` of that by children that have ended."""

    parent: int
    spent: float
    buried: float


def processes() -> dict[int, Process]:
    """All that run now, by pid."""
    found = {}
    for entry in os.listdir(_PROC):
        if entry.isdigit():
            try:
                stat = (_PROC / entry / "stat").read_text()
            except OSError:
                continue  # It has ended meanwhile.
            fields = stat.rpartition(")")[2].split()
            own, buried = ((int(fields[at]) + int(fields[at + 1])) / _TICKS for at in (11, 13))
            found[int(entry)] = Process(int(fields[1]), own + buried, buried)
    return found


def tree(root: int, every: Mapping[int, Process]) -> set[int]:
    """A process and all that descend from it; nothing where it has ended."""
    inside = {root} & every.keys()
    while more := {pid for pid, one in every.items() if one.parent in inside} - inside:
        inside |= more
    return inside


@dataclass(frozen=True, slots=True)
class Reading:
    """What each process of some trees had taken so far, in seconds."""

    by_root: Mapping[str, Mapping[int, float]]

    @classmethod
    def take(cls, roots: Mapping[str, int]) -> Reading:
        every = processes()
        return cls(
            {name: {pid: every[pid].spent for pid in tree(root, every)} for name, root in roots.items()}
        )

    def since(self, earlier: Reading) -> dict[str, dict[int, float]]:
        """Seconds by root and process between two readings."""
        return {
            name: {pid: spent - earlier.by_root[name].get(pid, 0.0) for pid, spent in now.items()}
            for name, now in self.by_root.items()
        }


def by_database(server: Mapping[int, float], backends: Mapping[int, str]) -> dict[str, float]:
    """Seconds of a database server's processes by the database that they serve; the rest under "" (checkpoints, log
    writer, connections that have ended)."""
    split: dict[str, float] = {"": 0.0}
    for pid, seconds in server.items():
        name = backends.get(pid, "")
        split[name] = split.get(name, 0.0) + seconds
    return split


def resident(pid: int) -> int:
    """Bytes of memory that a process holds (proc(5), ``statm``)."""
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
