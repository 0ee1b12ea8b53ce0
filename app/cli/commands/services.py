"""`qalta ledger backup|restore`: a copy of a service that runs, and a service out of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.catalogue.written import written_time
from app.cli.commands.stores import require_server
from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.status import MissingPart, Status


def add(commands: Commands) -> None:
    backup = commands.add("ledger backup", _backup)
    restore = commands.add("ledger restore", _restore)
    places = (
        (backup, "service", "service_folder"),
        (backup, "copy", "backup_to"),
        (restore, "copy", "restore_from"),
        (restore, "service", "restore_to"),
    )
    for command, name, text in places:
        command.add_argument(
            name,
            type=Path,
            metavar=commands.words.text("argument.folder"),
            help=commands.words.text(f"help.{text}"),
        )
    for command, text in ((backup, "backup_database"), (restore, "restore_database")):
        command.add_argument("--database", metavar="URL", help=commands.words.text(f"help.{text}"))


def _backup(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.service.backup import back_up

    _require_server(args.database)
    with _told():
        copied = back_up(args.service, args.copy, context.clock(), database=args.database)
    context.show.say("services.backed_up", folder=str(args.copy))
    context.show.result(folder=str(args.copy.absolute()), time=copied.time, files=sorted(copied.files))
    return Status.DONE


def _restore(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.service.backup import restore

    _require_server(args.database)
    with _told():
        copied = restore(args.copy, args.service, database=args.database)
    context.show.say("services.restored", folder=str(args.service), time=written_time(copied.time))
    context.show.result(folder=str(args.service.absolute()), time=copied.time, files=sorted(copied.files))
    return Status.DONE


def _require_server(url: str | None) -> None:
    if url is not None:
        require_server("--database", url)


@contextmanager
def _told() -> Iterator[None]:
    """Why nothing was copied, in words: MissingPart."""
    from ledger_sync.service.backup import BackupError

    try:
        yield
    except BackupError as error:
        raise MissingPart(f"missing.backup_{error.fault.value}", name=error.what) from None
