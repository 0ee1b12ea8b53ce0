"""`qalta bench [NAMES...] [--rounds N]`: figures side by side in one run, as a table or as numbers in JSON."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING, Final

from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.show import Show
from app.terminal.status import Status, UsageError

if TYPE_CHECKING:
    from app.bench.figures import Figure, Findings

MEASURES: Final = ("verify", "payment", "tap", "reconcile", "qr", "app", "cost", "wallets")
"""Modules of app.bench, each with ``measure(rounds, show) -> Findings``."""
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


def _bench(args: argparse.Namespace, context: Context) -> Status:
    from app.bench.machine import machine

    if not 1 <= args.rounds <= _MOST_ROUNDS:
        raise UsageError("bench.rounds_wrong", most=_MOST_ROUNDS)
    names = dict.fromkeys(args.names or MEASURES)
    for unknown in names.keys() - set(MEASURES):
        raise UsageError("bench.name_unknown", name=unknown)
    show, here = context.show, machine()
    show.say("bench.machine", **here)
    show.say("bench.how", rounds=args.rounds)
    show.result(machine=here, rounds=args.rounds)
    for name in names:
        findings: Findings = import_module(f"app.bench.{name}").measure(args.rounds, show)
        show.result(**{name: findings.as_fields()})
        _tell(name, findings, show)
    return Status.DONE


def _tell(name: str, findings: Findings, show: Show) -> None:
    show.raw("")
    show.say(f"bench.title_{name}", **findings.facts)
    columns = ("", "bench.median>", "bench.range>", "bench.aim>")
    show.table("", columns, [_row(figure, show) for figure in findings.figures])


def _row(figure: Figure, show: Show) -> list[str]:
    from app.bench.figures import written

    words, unit = show.catalogue, figure.unit
    least, most = written(figure.spread.minimum, unit), written(figure.spread.maximum, unit)
    return [
        words.text(f"bench.{figure.name}", **figure.facts),
        f"{written(figure.spread.median, unit)} {words.text(f'bench.unit_{unit}')}".rstrip(),
        least if least == most else f"{least}–{most}",
        "" if figure.aim is None else f"≤ {written(figure.aim, unit)}",
    ]
