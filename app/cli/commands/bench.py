"""`qalta bench [NAMES...] [--rounds N]`: figures side by side in one run, as a table or as numbers in JSON.

Rule: whatever ends it, nothing of what it started goes on; a closed terminal and SIGTERM end it as Ctrl-C does.
The options that begin with "ledger" in their help are that measure's alone.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.show import Show
from app.terminal.status import Status, UsageError

if TYPE_CHECKING:
    from app.bench.figures import Figure, Findings

MEASURES: Final = ("verify", "payment", "tap", "reconcile", "qr", "app", "cost", "wallets", "ledger")
"""Modules of app.bench, each with ``measure(rounds, show) -> Findings``; the ledger's takes options too."""
_LEDGER: Final = "ledger"
_ENGINES: Final = ("postgres", "sqlite")
_UPLOADS: Final = 256
_MOST_UPLOADS: Final = 20_000
_MOST_CONSUMED: Final = 100_000_000
_PAYMENTS: Final = 61_000
_LEAST_PAYMENTS: Final = 61
_NODES: Final = (1, 3)
_ROUNDS: Final = 20
_MOST_ROUNDS: Final = 10_000


def add(commands: Commands) -> None:
    command = commands.add("bench", _bench)
    words = commands.words
    command.add_argument(
        "names", nargs="*", metavar=words.text("argument.name"), help=words.text("bench.help_names")
    )
    command.add_argument(
        "--rounds", type=int, default=_ROUNDS, metavar="N", help=words.text("bench.help_rounds")
    )
    command.add_argument(
        "--uploads", type=int, default=_UPLOADS, metavar="N", help=words.text("bench.help_uploads")
    )
    command.add_argument(
        "--kept", type=Path, metavar=words.text("argument.folder"), help=words.text("bench.help_kept")
    )
    command.add_argument("--engine", choices=_ENGINES, help=words.text("bench.help_engine"))
    command.add_argument(
        "--consumed", type=int, default=0, metavar="N", help=words.text("bench.help_consumed")
    )
    command.add_argument("--statements", action="store_true", help=words.text("bench.help_statements"))
    command.add_argument("--pilot", action="store_true", help=words.text("bench.help_pilot"))
    command.add_argument(
        "--payments", type=int, default=_PAYMENTS, metavar="N", help=words.text("bench.help_payments")
    )
    command.add_argument("--nodes", type=int, choices=_NODES, default=1, help=words.text("bench.help_nodes"))


def _bench(args: argparse.Namespace, context: Context) -> Status:
    from app.bench.machine import machine
    from app.launch.window import interruptible

    if not 1 <= args.rounds <= _MOST_ROUNDS:
        raise UsageError("bench.rounds_wrong", most=_MOST_ROUNDS)
    if not 1 <= args.uploads <= _MOST_UPLOADS:
        raise UsageError("bench.uploads_wrong", most=_MOST_UPLOADS)
    if not 0 <= args.consumed <= _MOST_CONSUMED:
        raise UsageError("bench.consumed_wrong", most=_MOST_CONSUMED)
    if not _LEAST_PAYMENTS <= args.payments <= _PAYMENTS:
        raise UsageError("bench.payments_wrong", least=_LEAST_PAYMENTS, most=_PAYMENTS)
    if (args.pilot or args.nodes > 1) and (args.consumed or args.statements):
        raise UsageError("bench.options_apart")
    names = dict.fromkeys(args.names or MEASURES)
    for unknown in names.keys() - set(MEASURES):
        raise UsageError("bench.name_unknown", name=unknown)
    show, here = context.show, machine()
    show.say("bench.machine", **here)
    show.say("bench.how", rounds=args.rounds)
    show.result(machine=here, rounds=args.rounds)
    for name in names:
        options = _ledger_options(args) if name == _LEDGER else {}
        with interruptible():
            findings: Findings = import_module(f"app.bench.{name}").measure(args.rounds, show, **options)
        show.result(**{name: findings.as_fields()})
        _tell(name, findings, show)
    return Status.DONE


def _ledger_options(args: argparse.Namespace) -> dict[str, Any]:
    from app.bench.ledger import Options

    engines = (args.engine,) if args.engine else _ENGINES
    return {
        "options": Options(
            args.uploads,
            args.kept,
            engines,
            args.statements,
            consumed=args.consumed,
            pilot=args.payments if args.pilot else 0,
            nodes=args.nodes,
        )
    }


def _tell(name: str, findings: Findings, show: Show) -> None:
    show.raw("")
    show.say(f"bench.title_{name}", **findings.facts)
    floors = ("bench.floor>",) if any(figure.floor is not None for figure in findings.figures) else ()
    columns = ("", "bench.median>", "bench.range>", *floors, "bench.aim>")
    rows = [_row(figure, show, has_floors=bool(floors)) for figure in findings.figures]
    show.table("", columns, rows)
    short = [figure.key for figure in findings.figures if figure.misses_floor]
    if short:
        show.say("bench.short_of_floor", names=", ".join(short))


def _row(figure: Figure, show: Show, *, has_floors: bool) -> list[str]:
    from app.bench.figures import written

    words, unit = show.catalogue, figure.unit
    least, most = written(figure.spread.minimum, unit), written(figure.spread.maximum, unit)
    sign = "≥" if figure.is_more_better else "≤"
    goals = [figure.floor, figure.aim] if has_floors else [figure.aim]
    return [
        words.text(f"bench.{figure.name}", **figure.facts),
        f"{written(figure.spread.median, unit)} {words.text(f'bench.unit_{unit}')}".rstrip(),
        least if least == most else f"{least}–{most}",
        *("" if goal is None else f"{sign} {written(goal, unit)}" for goal in goals),
    ]
