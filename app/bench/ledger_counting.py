"""What bank and notary take while something is asked of them, with the databases that they keep their stores in.

Rule: it is the kernel's count of whole trees of processes (`app.bench.ledger_meter`), split by whom it was for. What
the central bank and another bank take meanwhile, who have no part in it, is told by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from app.bench.ledger_meter import Reading, processes, resident, tree
from app.bench.ledger_stage import Running

_SERVER: Final = "PostgreSQL"


class Databases(Protocol):
    """PostgreSQL that a network's stations keep their stores in."""

    def roots(self) -> Mapping[str, int]:
        """Processes of which all others of it descend, by a name that no station has."""

    def shares(self, taken: Mapping[str, Mapping[int, float]]) -> Mapping[str, float]:
        """Seconds of the trees of its roots, by the station that they were for; "": for all of them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of the processor, by whom; ``idle``: of those who had no part."""

    by_whom: Mapping[str, float]
    idle: float

    @property
    def services(self) -> float:
        return sum(self.by_whom.values())


class Counting:
    """A network at work, and what its processes take."""

    def __init__(self, running: Running, databases: Databases | None) -> None:
        self._running = running
        self._databases = databases

    def now(self) -> Reading:
        return Reading.take(self._running.roots() | dict(self._databases.roots() if self._databases else {}))

    def since(self, before: Reading) -> Taken:
        trees = self.now().since(before)
        working, idle = self._working(), 0.0
        by_whom: dict[str, float] = {}
        for name in self._running.roots():
            seconds = sum(trees.pop(name).values())
            if name in working:
                by_whom[name] = seconds
            else:
                idle += seconds
        for name, seconds in (self._databases.shares(trees) if self._databases else {}).items():
            if name in ("", *working):
                by_whom[f"{_SERVER} {name}".rstrip()] = seconds
            else:
                idle += seconds
        return Taken(by_whom, idle)

    def workers(self) -> dict[int, int]:
        """Bytes that each process of bank and notary holds."""
        roots, every = self._running.roots(), processes()
        return {pid: resident(pid) for name in self._working() for pid in tree(roots[name], every)}

    def _working(self) -> tuple[str, str]:
        return self._running.bank.name, self._running.network.notary.name
