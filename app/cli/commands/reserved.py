"""Commands whose names are taken but whose part is not in this version."""

from __future__ import annotations

import argparse
from typing import Final

from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.status import MissingPart, Status

_NAMES: Final = ("conformance",)


def add(commands: Commands) -> None:
    for name in _NAMES:
        commands.add(name, _run).set_defaults(reserved=name)


def _run(args: argparse.Namespace, context: Context) -> Status:
    raise MissingPart("missing.reserved", name=args.reserved)
