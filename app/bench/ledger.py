"""The ledger as a pilot would run it: uploads of 15 hops over HTTP to a bank and a notary, on PostgreSQL and on SQLite.

Rule: what is compared comes from one run on one machine. The yardstick is bare verification, once, of every signature
that the uploads hold, before and after they are sent; against it stands the processor time of bank and notary, with
all their processes, and of PostgreSQL with all of its, as the kernel counts it. What the central bank and another bank
take meanwhile, who have no part in it, is a line of its own. The uploads were made beforehand; sending them is this
process's, and on the same processors: that is in the clock's figures only.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.bench.figures import Figure, Findings, Unit, spread
from app.bench.folders import own_folder
from app.bench.ledger_meter import Reading, by_database, processes, resident, tree
from app.terminal.show import Show
from app.terminal.status import MissingPart
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.settlement import Verdict

if TYPE_CHECKING:
    from app.bench.bare import Bare
    from app.bench.ledger_load import Loaded
    from app.bench.ledger_postgres import PrivatePostgres
    from app.bench.ledger_stage import Made, Running
    from app.bench.throwaway import SoftKey
    from ledger_sync.client.statuses import ReportedStatus

IN_FLIGHT: Final = (16, 64)
UPLOADS: Final = 256
"""For each of these."""
ENGINES: Final = ("postgres", "sqlite")
_PARTS: Final = ("starlette", "uvicorn")
_SERVER: Final = "PostgreSQL"
_STATEMENTS: Final = 25
"""Of a database that are told, the dearest first."""
_STATEMENT_LETTERS: Final = 300
_UPLOADS: Final = "/v1/uploads"
_BATCH: Final = re.compile(
    r'^qalta_batch_size_(sum|count)\{[^}]*what="(\w+)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Options:
    """``uploads`` for each number in flight; ``kept``: the folder of what is made beforehand, made once and used by
    every run that names it; ``statements``: have PostgreSQL count and tell its statements, which slows it; ``people``:
    how many customers there are, of whom each uploads in turn; ``consumed``: how many references the notary is to have
    before one more set, over PostgreSQL; 0: none is sent."""

    uploads: int = UPLOADS
    kept: Path | None = None
    engines: Sequence[str] = ENGINES
    statements: bool = False
    people: int = 64
    consumed: int = 0


@dataclass(frozen=True, slots=True)
class Goal:
    """The least that a figure should be (the most, where ``aim`` is less), and what it is to become."""

    floor: float
    aim: float


RATIO: Final = {16: Goal(0.40, 0.50), 64: Goal(0.50, 0.60)}
RATE: Final = {16: Goal(3_000, 5_000), 64: Goal(3_000, 6_500)}
REPEAT: Final = Goal(0.10, 0.07)
CONSUMED: Final = Goal(0.70, 0.85)
MEMORY: Final = 150.0
"""MiB of one worker."""
PEER: Final = Goal(15, 22)
PEER_MILLISECONDS: Final = 5.5
"""Of the processor for a verified input, by the peer mint nutshell 0.21.0, 15 proofs a swap, on the machine on which
this was begun: it is not installed here, and not measured in this run."""


def measure(rounds: int, show: Show, options: Options = Options()) -> Findings:
    """Ratios, rates, and where the time went. One round: ``rounds`` does not count.

    Raises ``Refusal``: what a service says; MissingPart without the packages of the services. What there is no
    PostgreSQL for is not measured.
    """
    if any(find_spec(name) is None for name in _PARTS):
        raise MissingPart("missing.service")
    from app.bench.ledger_postgres import is_here
    from app.bench.ledger_stage import made

    engines = [one for one in options.engines if one != "postgres" or is_here()]
    figures: list[Figure] = []
    facts = {"uploads": options.uploads, "hops": options.uploads * MAX_HOP, "settled": 0, "repeats": 0}
    with ExitStack() as held:
        sets = len(IN_FLIGHT) + 2 * bool(options.consumed)
        folder = options.kept or held.enter_context(own_folder())
        stage = made(folder, options.people, options.people + sets * options.uploads, show)
        for engine in engines:
            with _engine(engine, stage, show, options) as bench:
                bench.warm_up(options.people)
                for in_flight in IN_FLIGHT:
                    first, again = bench.settle(in_flight, options.uploads)
                    facts["settled"] += first.settled
                    facts["repeats"] += again.repeated
                    figures += figures_of(engine, in_flight, first, again)
                figures += bench.memory()
                if engine == "postgres" and options.consumed:
                    figures += bench.consumed(options.consumed, options.uploads)
    return Findings(facts, figures)


@contextmanager
def _engine(name: str, stage: Made, show: Show, options: Options) -> Iterator[_Bench]:
    from app.bench.ledger_postgres import private_postgres
    from app.bench.ledger_stage import databases, running

    show.step("bench.starting_sandbox")
    with ExitStack() as held:
        server, urls, workers = None, {}, 1
        if name == "postgres":
            server = held.enter_context(private_postgres(counts_statements=options.statements))
            urls, workers = databases(server, stage.home), os.cpu_count() or 1
        network = held.enter_context(running(stage.home, urls, workers))
        yield _Bench(name, stage, network, server, show)


Batches = Mapping[tuple[str, str], tuple[float, float]]
"""By station and what it did together: how many in all, and how often."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Of some uploads: seconds of the processor, bare, by whom, and of those who had no part; what the load found."""

    hops: int
    bare: float
    by_whom: Mapping[str, float]
    idle: float
    loaded: Loaded
    batches: Mapping[tuple[str, str], float]
    rows: Sequence[ReportedStatus]

    @property
    def settled(self) -> int:
        """Hops that were."""
        found = (row.settlement for row in self.rows)
        return sum(said is not None and said.body.verdict is Verdict.SETTLED for said in found)

    @property
    def repeated(self) -> int:
        """Hops that were answered before."""
        return sum(row.first_answered is not None for row in self.rows)

    @property
    def services(self) -> float:
        return sum(self.by_whom.values())


class _Bench:
    """One engine's network, and the uploads in their order."""

    def __init__(
        self, engine: str, stage: Made, running: Running, server: PrivatePostgres | None, show: Show
    ) -> None:
        self._engine = engine
        self._stage = stage
        self._running = running
        self._server = server
        self._show = show
        self._left = stage.uploads
        self._known: set[bytes] = set()
        self._memory: Mapping[int, int] = {}

    def warm_up(self, uploads: int) -> None:
        """So many that do not count: after them every certificate is known, and every worker has worked."""
        self.spend(self._next(uploads), min(IN_FLIGHT))
        self._memory = self._workers()

    def settle(self, in_flight: int, uploads: int) -> tuple[Spent, Spent]:
        """So many uploads that nobody has seen, and then the same again."""
        mine = self._next(uploads)
        first = self.spend(mine, in_flight)
        self.tell_statements()
        return first, self.spend(mine, in_flight)

    def consumed(self, references: int, uploads: int) -> list[Figure]:
        """A set before and one after the notary has so many references more: the rates against each other, by processor
        time and by the clock."""
        assert self._server is not None
        empty = self.spend(self._next(uploads), min(IN_FLIGHT))
        self._show.step("bench.filling_notary", count=references)
        self._server.consume(self._running.network.notary.name, references)
        full = self.spend(self._next(uploads), min(IN_FLIGHT))
        facts = {"count": references}
        return [
            _one(
                "consumed_rate",
                "ledger_consumed",
                Unit.TIMES,
                empty.services / full.services,
                CONSUMED,
                facts,
            ),
            _one(
                "consumed_clock",
                "ledger_consumed_clock",
                Unit.TIMES,
                empty.loaded.seconds / full.loaded.seconds,
            ),
        ]

    def memory(self) -> list[Figure]:
        """What the largest worker of bank and notary holds now, and how much more than after the warm-up."""
        now = self._workers()
        grown = max((held - self._memory.get(pid, held) for pid, held in now.items()), default=0)
        largest = _one(
            f"{self._engine}_memory_mib", "ledger_memory", Unit.MEBIBYTES, max(now.values()) / (1 << 20)
        )
        return [
            replace(largest, aim=MEMORY),
            _one(f"{self._engine}_memory_grown_mib", "ledger_grown", Unit.MEBIBYTES, grown / (1 << 20)),
        ]

    def _workers(self) -> dict[int, int]:
        """Bytes that each process of bank and notary holds."""
        roots, every = self._running.roots(), processes()
        working = (self._running.bank.name, self._running.network.notary.name)
        return {pid: resident(pid) for name in working for pid in tree(roots[name], every)}

    def _next(self, count: int) -> Sequence[tuple[SoftKey, bytes]]:
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def spend(self, uploads: Sequence[tuple[SoftKey, bytes]], in_flight: int) -> Spent:
        from app.bench.ledger_load import Load, Post
        from ledger_sync.client.statuses import read_statuses

        bare = self._stage.signatures(uploads, self._known)
        posts = [Post(device, _UPLOADS, raw) for device, raw in uploads]
        roots = self._running.roots() | ({"": self._server.pid} if self._server else {})
        if self._server:
            self._server.forget_statements()
        batches = self._batches()
        halves = [_bare(bare)]
        with self._show.progress("bench.measuring_ledger", len(posts)) as done:
            before = Reading.take(roots)
            loaded = Load(self._running.bank.url, in_flight, done).run(posts)
            taken = Reading.take(roots).since(before)
        halves.append(_bare(bare))
        by_whom, working = self._by_whom(taken), (self._running.bank.name, self._running.network.notary.name)
        return Spent(
            MAX_HOP * len(uploads),
            sum(halves) / 2,
            {who: seconds for who, seconds in by_whom.items() if who.endswith((*working, _SERVER))},
            sum(seconds for who, seconds in by_whom.items() if not who.endswith((*working, _SERVER))),
            loaded,
            _means(batches, self._batches()),
            [row for raw in loaded.answers for row in read_statuses(codec.decode(raw, len(raw)))],
        )

    def _by_whom(self, taken: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
        """By station; PostgreSQL by whose database it served, the rest of it under its own name."""
        found = {name: sum(its.values()) for name, its in taken.items() if name}
        if self._server:
            shares = by_database(taken[""], self._server.backends())
            found |= {f"{_SERVER} {name}".rstrip(): seconds for name, seconds in shares.items()}
        return found

    def _batches(self) -> Batches:
        """What was done together so far, in all workers of a station."""
        from app.bench.ledger_stage import read_page

        stations = (self._running.bank.name, self._running.network.notary.name)
        return {
            (station, what): sums
            for station in stations
            for what, sums in batches_on(read_page(self._running.figures[station])).items()
        }

    def tell_statements(self) -> None:
        """The dearest statements of bank and notary since they were forgotten, where they were counted."""
        for station in (self._running.bank, self._running.network.notary):
            found = self._server.statements(station.name, _STATEMENTS) if self._server else []
            rows = [
                (
                    f"{one.calls}",
                    f"{1_000 * one.milliseconds / one.calls:.0f}",
                    f"{one.rows}",
                    one.text[:_STATEMENT_LETTERS],
                )
                for one in found
            ]
            if rows:
                heads = ("calls>", "took>", "rows>")
                columns = (*(f"bench.statement_{head}" for head in heads), "bench.statement")
                self._show.table("", columns, rows, folds=("bench.statement",))


def figures_of(engine: str, in_flight: int, first: Spent, again: Spent) -> list[Figure]:
    """The report's lines on uploads and on the same again. Goals are set for PostgreSQL alone."""
    key = f"{engine}_{in_flight}"
    facts: dict[str, int | str] = {"engine": engine, "in_flight": in_flight}
    has_goals, hop = engine == "postgres", 1_000_000 / first.hops
    ratio, rate, repeat, peer = (
        (RATIO[in_flight], RATE[in_flight], REPEAT, PEER) if has_goals else (None, None, None, None)
    )
    parts = [
        _one(f"{key}_{_word(who)}_us", "ledger_part", Unit.MICROSECONDS, hop * seconds, None, {"who": who})
        for who, seconds in first.by_whom.items()
    ]
    batches = [
        _one(
            f"{key}_{_word(who)}_{what}_batch",
            "ledger_batch",
            Unit.COUNT,
            size,
            None,
            {"who": who, "what": what},
        )
        for (who, what), size in first.batches.items()
    ]
    return [
        _one(f"{key}_ratio", "ledger_ratio", Unit.TIMES, first.bare / first.services, ratio, facts),
        _one(f"{key}_hops_per_s", "ledger_rate", Unit.PER_SECOND, first.hops / first.loaded.seconds, rate),
        _one(f"{key}_repeat", "ledger_repeat", Unit.TIMES, again.services / first.services, repeat),
        _one(f"{key}_bare_us", "ledger_bare", Unit.MICROSECONDS, hop * first.bare),
        _one(f"{key}_services_us", "ledger_services", Unit.MICROSECONDS, hop * first.services),
        *parts,
        _one(f"{key}_idle_us", "ledger_idle", Unit.MICROSECONDS, hop * first.idle),
        *batches,
        _one(
            f"{key}_peer", "ledger_peer", Unit.TIMES, PEER_MILLISECONDS * 1_000 / hop / first.services, peer
        ),
        _one(f"{key}_again", "ledger_again", Unit.COUNT, first.loaded.again),
    ]


def _bare(items: Sequence[Bare]) -> float:
    """Processor seconds of verifying each once."""
    from app.bench.bare import verify_all

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


def _word(name: str) -> str:
    """A part of a figure's key."""
    return re.sub(r"\W+", "_", name).lower()


def _means(before: Batches, after: Batches) -> dict[tuple[str, str], float]:
    """Of what was done together between two looks, how many at a time."""
    found = {}
    for what, (total, count) in after.items():
        earlier = before.get(what, (0.0, 0.0))
        if count > earlier[1]:
            found[what] = (total - earlier[0]) / (count - earlier[1])
    return found


def _one(
    key: str,
    name: str,
    unit: Unit,
    value: float,
    goal: Goal | None = None,
    facts: Mapping[str, int | str] | None = None,
) -> Figure:
    aim, floor = (goal.aim, goal.floor) if goal else (None, None)
    return Figure(key, name, unit, spread([value]), aim, facts or {}, floor)
