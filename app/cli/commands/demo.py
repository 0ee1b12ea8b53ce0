"""`qalta demo`: the main job on real parts, told to a person or, with `--json`, to a program."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from app.cli.context import Context
from app.cli.extras import require_extras
from app.cli.parser import Commands
from app.terminal.show import Show
from app.terminal.status import Status


def add(commands: Commands) -> None:
    command = commands.add("demo", _demo)
    command.add_argument("--keep", type=Path, metavar="DIR", help=commands.words.text("help.keep"))
    command.add_argument("--picture", type=Path, metavar="SVG", help=commands.words.text("help.picture"))
    command.add_argument("--seed", type=int, help=commands.words.text("help.seed"))


def _demo(args: argparse.Namespace, context: Context) -> Status:
    if args.picture is not None:
        context.show = Show(context.show.catalogue, as_json=False, recorded=True)
    play(context, args.keep, args.seed)
    if args.picture is not None:
        context.show.write_picture(args.picture, "./run")
    return Status.DONE


def play(context: Context, keep: Path | None = None, seed: int | None = None) -> Status:
    """The whole story, in ``keep`` or in a folder that goes away; ``seed``: see `Story`."""
    require_extras("service", "nfc")
    from app.demo.story import Story, stage

    seed = seed if seed is not None else secrets.randbelow(1_000_000)
    context.show.step("demo.seed", seed=seed)
    with stage(keep) as home:
        found = Story(home, context.show, seed).play()
    context.show.result(**found.as_fields())
    return Status.DONE
