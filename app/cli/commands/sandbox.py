"""`qalta sandbox start|status|stop|books|clock|without|key`: central bank, two banks, a notary here, each a process."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app.catalogue.written import written_time
from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.books import show_books
from app.terminal.status import MissingPart, Status

if TYPE_CHECKING:
    from app.catalogue import Catalogue
    from ledger_sync.sandbox import Status as Standing


def add(commands: Commands) -> None:
    commands.add("sandbox start", _start)
    commands.add("sandbox status", _status)
    commands.add("sandbox stop", _stop)
    commands.add("sandbox books", _books)
    commands.add("sandbox clock", _clock)
    without = commands.add("sandbox without", _without)
    without.add_argument(
        "station", metavar=commands.words.text("argument.name"), help=commands.words.text("help.station")
    )
    key = commands.add("sandbox key", _key)
    key.add_argument(
        "station", metavar=commands.words.text("argument.name"), help=commands.words.text("help.station")
    )
    key.add_argument(
        "number",
        type=int,
        metavar=commands.words.text("argument.number"),
        help=commands.words.text("help.key_number"),
    )
    key.add_argument(
        "--purpose",
        choices=("issuing", "policy", "redemption"),
        default="",
        help=commands.words.text("help.key_purpose"),
    )


def _start(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import sandbox

    context.show.step("sandbox.begin")
    sandbox.start(context.home.sandbox)
    return _status(args, context)


def _status(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import sandbox

    states = sandbox.status(context.home.sandbox)
    if not states:
        raise MissingPart("missing.sandbox")
    words = context.show.catalogue
    rows = [[found.station.title, _said(found, words), found.station.url] for found in states]
    context.show.table("", ("sandbox.service", "sandbox.state", "sandbox.url"), rows)
    context.show.result(
        services=[
            {
                "name": found.station.name,
                "state": found.state.value,
                "cause": found.cause,
                "url": found.station.url,
                "pid": found.pid,
            }
            for found in states
        ]
    )
    return Status.DONE


def _said(found: Standing, words: Catalogue) -> str:
    """A station's state and, where it is failing, what that means."""
    state = words.text(f"sandbox.{found.state.value}")
    return f"{state}: {words.tell(found.cause).what}" if found.cause else state


def _stop(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import sandbox

    sandbox.stop(context.home.sandbox)
    context.show.say("sandbox.all_stopped")
    return Status.DONE


def _clock(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import sandbox

    if not sandbox.status(context.home.sandbox):
        raise MissingPart("missing.sandbox")
    confirmed = sandbox.confirm_clocks(context.home.sandbox)
    for station in confirmed:
        context.show.say("sandbox.clock_confirmed", name=station.title)
    if not confirmed:
        context.show.say("sandbox.clock_fine")
    context.show.result(confirmed=[station.name for station in confirmed])
    return Status.DONE


def _without(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import sandbox

    if not sandbox.status(context.home.sandbox):
        raise MissingPart("missing.sandbox")
    told = sandbox.go_on_without(context.home.sandbox, args.station)
    for station in told:
        context.show.say("sandbox.goes_on", name=station.title, absent=args.station)
    if not told:
        context.show.say("sandbox.waits_for_nobody", absent=args.station)
    context.show.result(told=[station.name for station in told])
    return Status.DONE


def _key(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync import sandbox

    if not sandbox.status(context.home.sandbox):
        raise MissingPart("missing.sandbox")
    changed = sandbox.change_key(context.home.sandbox, args.station, args.number, args.purpose)
    context.show.say("sandbox.key_follows", name=args.station, time=written_time(changed.since))
    context.show.result(key=changed.key.hex(), since=changed.since, policy=changed.version)
    return Status.DONE


def _books(args: argparse.Namespace, context: Context) -> Status:
    from app.wallets.sandbox_desk import network_of, read_books

    books = read_books(network_of(context.home.sandbox))
    show_books(books, context.show)
    context.show.result(**books.totals(), balanced=books.is_balanced)
    return Status.DONE
