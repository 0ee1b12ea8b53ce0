"""The command line's front door: dispatch, and what a refusal looks like. Nothing here or below imports Kivy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from app.catalogue import catalogue, chosen_language
from app.cli.context import Context
from app.cli.parser import asked_language, build_parser
from app.cli.pin import PinSource
from app.cli.show import Show
from app.cli.status import MissingPart, Status, UsageError
from app.wallets.places import Home
from hsm.keystore import KeystoreCode, KeystoreError
from wallet.protocol.codes import Code, Refusal

_MISSING: Final = frozenset({KeystoreCode.MODULE_MISSING.value, Code.UNREACHABLE.value})
"""Refusals that mean: something that the command needs is not there."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (see Status)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = catalogue(chosen_language(asked_language(arguments)))
    try:
        args = build_parser(words).parse_args(arguments)
    except SystemExit as leaving:
        return Status.DONE if leaving.code in (0, None) else Status.USAGE
    show = Show(words, as_json=args.json)
    context = Context(Home(args.home), args.wallet, show, PinSource(args.pin_fd))
    return run_command(args, context)


def run_command(args: argparse.Namespace, context: Context) -> Status:
    """One command in a context that may outlive it; every known way to end becomes a status."""
    status = _outcome(args, context)
    context.show.finish()
    return status


def _outcome(args: argparse.Namespace, context: Context) -> Status:
    show = context.show
    try:
        status: Status = args.run(args, context)
        return status
    except UsageError as error:
        show.say_error(error.name, **error.facts)
        return Status.USAGE
    except MissingPart as error:
        show.say_error(error.name, **error.facts)
        return Status.MISSING
    except (Refusal, KeystoreError) as refusal:
        code = refusal.code.value
        show.refusal(code, show.catalogue.tell(code, refusal.facts), refusal.facts)
        return Status.MISSING if code in _MISSING else Status.REFUSED
    except OSError as error:
        show.say_error("missing.file", name=str(error.filename or error))
        return Status.MISSING
    except KeyboardInterrupt:
        show.say_error("error.interrupted")
        return Status.INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
