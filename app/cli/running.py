"""Running one command: its words, its context, and the status of every way in which it can end.

Rule: no traceback reaches a person; whatever is raised becomes a sentence and a status. What is said decides nothing:
a command that is done is DONE, also where its words could not be written, save where they were a code to show.
"""

from __future__ import annotations

import argparse
import errno
import os
import sqlite3
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.catalogue import catalogue, chosen_language
from app.cli.context import Context
from app.cli.extras import extra_missing
from app.cli.interrupts import INTERRUPTS
from app.cli.parser import asked_for_json, asked_language, build_parser
from app.cli.pin import PinSource
from app.terminal.show import Show
from app.terminal.status import MissingPart, NotShown, Status, UsageError
from app.wallets.doing import facts_of
from app.wallets.places import Home
from hsm.keystore import KeystoreCode, KeystoreError
from hsm.storage import STORAGE_CODES, fault_of
from wallet.protocol.codes import Code, Refusal

_MISSING: Final = frozenset(
    {
        KeystoreCode.MODULE_MISSING.value,
        Code.UNREACHABLE.value,
        *(code.value for code in STORAGE_CODES - {KeystoreCode.STORAGE_FAULT}),
    }
)
"""Refusals that mean: something that the command needs is not there."""
_DEVELOPER: Final = "QALTA_DEVELOPER"


def run(arguments: Sequence[str]) -> Status:
    """One command as it was typed."""
    words = catalogue(chosen_language(asked_language(arguments)))
    show = Show(words, as_json=asked_for_json(arguments))
    if not all(_is_text(argument) for argument in arguments):
        show.say_error("usage.not_text")
        return _told(show, Status.USAGE)
    try:
        args = build_parser(words).parse_args(arguments)
    except UsageError as error:
        show.say_error(error.name, **error.facts)
        return _told(show, Status.USAGE)
    except SystemExit as leaving:
        return Status.DONE if leaving.code in (0, None) else Status.USAGE
    show = Show(words, as_json=args.json)
    context = Context(Home(args.home), args.wallet, show, PinSource(args.pin_fd))
    return run_command(args, context)


def _is_text(argument: str) -> bool:
    """Whether it was UTF-8 when it was typed: Python keeps other bytes as lone surrogates, which nothing can write."""
    return not any("\ud800" <= sign <= "\udfff" for sign in argument)


def run_command(args: argparse.Namespace, context: Context) -> Status:
    """One command in a context that may outlive it; every way to end becomes a status."""
    try:
        with INTERRUPTS.heard():
            status = _outcome(args, context)
    except KeyboardInterrupt:
        context.show.say_error("error.interrupted")
        status = Status.INTERRUPTED
    return _told(context.show, status)


def run_beside(args: argparse.Namespace, context: Context) -> Status:
    """The same in another thread than the main one, which alone hears Ctrl-C."""
    return _told(context.show, _outcome(args, context))


def _told(show: Show, status: Status) -> Status:
    """The status once all is said: 4 where what is missing is the code to show."""
    show.finish()
    return Status.INTERRUPTED if status is Status.DONE and show.is_code_lost else status


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
    except NotShown as error:
        show.not_shown(error)
        return Status.INTERRUPTED
    except (Refusal, KeystoreError) as refusal:
        return _refused(refusal, show)
    except (OSError, sqlite3.Error) as error:
        return _storage(error, show)
    except ImportError as error:
        missing = extra_missing(error)
        if missing is None:
            return _unforeseen(error, show)
        show.say_error(missing.name, **missing.facts)
        return Status.MISSING
    except Exception as error:  # noqa: BLE001 - no traceback reaches a person
        return _unforeseen(error, show)


def _refused(refusal: Refusal | KeystoreError, show: Show) -> Status:
    code = refusal.code.value
    facts = facts_of(refusal) if isinstance(refusal, Refusal) else refusal.facts
    show.refusal(code, show.catalogue.tell(code, facts), refusal.facts)
    return Status.MISSING if code in _MISSING else Status.REFUSED


def _storage(error: OSError | sqlite3.Error, show: Show) -> Status:
    """What the system refused is what it is called."""
    if isinstance(error, OSError) and error.errno == errno.EBADMSG:
        show.say_error("missing.damaged", name=str(error.filename))
        return Status.MISSING
    fault = fault_of(error)
    return _unforeseen(error, show) if fault is None else _refused(fault, show)


def _unforeseen(error: Exception, show: Show) -> Status:
    """INTERNAL, with the kind of the error and the place in our code, and none of its words: they may hold a secret.
    The whole traceback is for developers only."""
    if os.environ.get(_DEVELOPER) == "1":
        traceback.print_exception(error, file=sys.stderr)
    passed = traceback.extract_tb(error.__traceback__)
    at = f"{Path(passed[-1].filename).name}:{passed[-1].lineno}" if passed else "?"
    return _refused(Refusal(Code.INTERNAL, {"kind": type(error).__name__, "at": at}), show)
