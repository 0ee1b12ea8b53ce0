"""Sets of uploads sent to a network, and what each took: bare verification beside it, in the same minute.

Rule: the yardstick is verifying once, bare, every signature that the uploads hold and none before had: half of it
before, half after they are sent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.bench.bare import Bare, verify_all
from app.bench.ledger_counting import Counting, Databases, Taken
from app.bench.ledger_load import Load, Loaded, Post
from app.bench.ledger_stage import Made, Running, read_page
from app.bench.throwaway import SoftKey
from app.terminal.show import Show
from ledger_sync.client.statuses import ReportedStatus, read_statuses
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.settlement import Verdict

UPLOADS: Final = "/v1/uploads"
_BATCH: Final = re.compile(
    r'^qalta_batch_size_(sum|count)\{[^}]*what="(\w+)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE
)
Uploads = Sequence[tuple[SoftKey, bytes]]
Batches = Mapping[tuple[str, str], tuple[float, float]]
"""By station and what it did together: how many in all, and how often."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Of some uploads: seconds of the processor, bare and by whom; what the load found; what was done together."""

    hops: int
    bare: float
    taken: Taken
    loaded: Loaded
    batches: Mapping[tuple[str, str], float]
    rows: Sequence[ReportedStatus]

    @property
    def rate(self) -> float:
        """Hops a second by the clock."""
        return self.hops / self.loaded.seconds

    @property
    def settled(self) -> int:
        """Hops that were."""
        return sum(is_settled(row) for row in self.rows)

    @property
    def repeated(self) -> int:
        """Hops that were answered before."""
        return sum(row.first_answered is not None for row in self.rows)


def is_settled(row: ReportedStatus) -> bool:
    return row.settlement is not None and row.settlement.body.verdict is Verdict.SETTLED


def rows_in(answer: bytes) -> Sequence[ReportedStatus]:
    """What a bank says about transfers."""
    return read_statuses(codec.decode(answer, len(answer)))


class Bench:
    """A network, and the uploads in their order."""

    def __init__(self, stage: Made, running: Running, databases: Databases | None, show: Show) -> None:
        self.counting = Counting(running, databases)
        self._stage = stage
        self._running = running
        self._show = show
        self._left: Uploads = stage.uploads
        self._known: set[bytes] = set()

    def warm_up(self, uploads: int, in_flight: int) -> None:
        """So many that do not count: after them every certificate is known, and every worker has had as much at a time
        as it will have."""
        self.spend(self.next(uploads), in_flight)

    def next(self, count: int) -> Uploads:
        """So many uploads that nobody has seen."""
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def spend(self, uploads: Uploads, in_flight: int) -> Spent:
        """What sending them takes. Raises ``Refusal``: what the bank says."""
        bare = self._stage.signatures(uploads, self._known)
        posts = [Post(device, UPLOADS, raw) for device, raw in uploads]
        batches = self._batches()
        halves = [_bare(bare)]
        with self._show.progress("bench.measuring_ledger", len(posts)) as done:
            before = self.counting.now()
            loaded = Load(self._running.bank.url, in_flight, done).run(posts)
            taken = self.counting.since(before)
        halves.append(_bare(bare))
        together = _means(batches, self._batches())
        rows = [row for answer in loaded.answers for row in rows_in(answer)]
        return Spent(MAX_HOP * len(uploads), sum(halves) / 2, taken, loaded, together, rows)

    def _batches(self) -> Batches:
        """What was done together so far, in all workers of a station."""
        stations = (self._running.bank.name, self._running.network.notary.name)
        return {
            (station, what): sums
            for station in stations
            for what, sums in batches_on(read_page(self._running.figures[station])).items()
        }


def _bare(items: Sequence[Bare]) -> float:
    """Processor seconds of verifying each once."""
    began = time.process_time()
    verify_all(items)
    return time.process_time() - began


def batches_on(page: str) -> dict[str, tuple[float, float]]:
    """Of a service's figures: of how many things in all it did so much together, and how often, by what it was."""
    found: dict[str, tuple[float, float]] = {}
    for which, what, value in _BATCH.findall(page):
        total, count = found.get(what, (0.0, 0.0))
        given = float(value)
        found[what] = (total + given, count) if which == "sum" else (total, count + given)
    return found


def _means(before: Batches, after: Batches) -> dict[tuple[str, str], float]:
    """Of what was done together between two looks, how many at a time."""
    found = {}
    for what, (total, count) in after.items():
        earlier = before.get(what, (0.0, 0.0))
        if count > earlier[1]:
            found[what] = (total - earlier[0]) / (count - earlier[1])
    return found
