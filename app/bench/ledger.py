"""The ledger as a pilot would run it: uploads over HTTP to a bank and a notary, on PostgreSQL and on SQLite.

Rule: what is compared comes from one run on one machine. The yardstick is bare verification; against it stands the
processor time of bank and notary, with all their processes, and of PostgreSQL with all of its, as the kernel counts it.
The uploads were made beforehand; sending them is this process's, and on the same processors: that is in the clock's
figures only. What is measured are sets of uploads, or what was asked for instead: a pilot's replay, three nodes
against one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.bench import ledger_figures
from app.bench.figures import Figure, Findings
from app.bench.folders import own_folder
from app.terminal.show import Show
from app.terminal.status import MissingPart
from wallet.protocol.bounds import MAX_HOP

if TYPE_CHECKING:
    from app.bench.ledger_postgres import PrivatePostgres
    from app.bench.ledger_stage import Made, Running
    from app.bench.ledger_uploads import Bench

IN_FLIGHT: Final = (16, 64)
UPLOADS: Final = 256
"""For each of these."""
ENGINES: Final = ("postgres", "sqlite")
_PARTS: Final = ("starlette", "uvicorn")
_STATEMENTS: Final = 25
"""Of a database that are told, the dearest first."""
_STATEMENT_LETTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Options:
    """``uploads`` for each number in flight; ``kept``: the folder of what is made beforehand, made once and used by
    every run that names it; ``statements``: have PostgreSQL count and tell its statements, which slows it; ``people``:
    how many customers there are, of whom each uploads in turn; ``consumed``: how many references the notary is to have
    before one more set, over PostgreSQL; 0: none is sent.

    Instead of all that: ``pilot``, a replay of so many payments; 0: none. ``nodes``: 3, so many against one; 1: none.
    """

    uploads: int = UPLOADS
    kept: Path | None = None
    engines: Sequence[str] = ENGINES
    statements: bool = False
    people: int = 64
    consumed: int = 0
    pilot: int = 0
    nodes: int = 1


def measure(rounds: int, show: Show, options: Options = Options()) -> Findings:
    """Ratios, rates, and where the time went. One round: ``rounds`` does not count.

    Raises ``Refusal``: what a service says; MissingPart without the packages of the services, or where three nodes are
    wanted without their programs. What there is no PostgreSQL for is not measured.
    """
    if any(find_spec(name) is None for name in _PARTS):
        raise MissingPart("missing.service")
    from app.bench.ledger_nodes import against_one
    from app.bench.ledger_pilot import replayed
    from app.bench.ledger_postgres import is_here

    engines = [one for one in options.engines if one != "postgres" or is_here()]
    found: list[Findings] = []
    with ExitStack() as held:
        folder = options.kept or held.enter_context(own_folder())
        if options.pilot:
            found.append(replayed(folder, engines, options.pilot, max(IN_FLIGHT), show))
        if options.nodes > 1:
            found.append(against_one(_stage(folder, options, show), options, IN_FLIGHT, show))
        if not found:
            found.append(_sets(_stage(folder, options, show), engines, options, show))
    facts: Counter[str] = Counter()
    for one in found:
        facts.update(one.facts)
    return Findings(facts, [figure for one in found for figure in one.figures])


def _stage(folder: Path, options: Options, show: Show) -> Made:
    from app.bench.ledger_stage import made

    sets = len(IN_FLIGHT) + 2 * bool(options.consumed)
    return made(folder, options.people, options.people + sets * options.uploads, show)


def _sets(stage: Made, engines: Sequence[str], options: Options, show: Show) -> Findings:
    """Uploads with so many in flight and the same again, on each engine."""
    from app.bench.ledger_engines import at_work
    from app.bench.ledger_uploads import Bench

    facts = {"uploads": options.uploads, "hops": options.uploads * MAX_HOP, "settled": 0, "repeats": 0}
    figures: list[Figure] = []
    for engine in engines:
        with at_work(engine, stage, show, counts_statements=options.statements) as (running, server):
            bench = Bench(stage, running, server, show)
            bench.warm_up(options.people, max(IN_FLIGHT))
            held = []
            for in_flight in IN_FLIGHT:
                mine = bench.next(options.uploads)
                with _statements(server, running, show):
                    first = bench.spend(mine, in_flight)
                held.append(bench.counting.workers())
                again = bench.spend(mine, in_flight)
                held.append(bench.counting.workers())
                facts["settled"] += first.settled
                facts["repeats"] += again.repeated
                figures += ledger_figures.of_uploads(engine, in_flight, first, again)
            figures += ledger_figures.of_memory(engine, held)
            if server and options.consumed:
                figures += _consumed(bench, server, running.network.notary.name, options, show)
    return Findings(facts, figures)


def _consumed(
    bench: Bench, server: PrivatePostgres, notary: str, options: Options, show: Show
) -> list[Figure]:
    """A set before and one after the notary has so many references more."""
    empty = bench.spend(bench.next(options.uploads), min(IN_FLIGHT))
    show.step("bench.filling_notary", count=options.consumed)
    server.consume(notary, options.consumed)
    full = bench.spend(bench.next(options.uploads), min(IN_FLIGHT))
    return ledger_figures.of_consumed(options.consumed, empty, full)


@contextmanager
def _statements(server: PrivatePostgres | None, running: Running, show: Show) -> Iterator[None]:
    """The dearest statements of bank and notary in the block are told after it, where they are counted."""
    if server is None:
        yield
        return
    server.forget_statements()
    yield
    for station in (running.bank, running.network.notary):
        found = server.statements(station.name, _STATEMENTS)
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
            show.table("", columns, rows, folds=("bench.statement",))
