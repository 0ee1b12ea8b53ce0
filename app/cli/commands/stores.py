"""`qalta ledger schema` and `migrate`: what a service keeps, of which version it is, and in which engine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from app.cli.context import Context
from app.cli.extras import require_extras
from app.cli.parser import Commands
from app.terminal.status import MissingPart, Status, UsageError

if TYPE_CHECKING:
    from ledger_sync.database.copying import Copied
    from ledger_sync.homes.stores import Place

_SERVERS: Final = ("postgresql", "postgres")


def add(commands: Commands) -> None:
    schema = commands.add("ledger schema", _schema)
    _add_folder(schema, commands)
    schema.add_argument("--check", action="store_true", help=commands.words.text("help.schema_check"))
    migrate = commands.add("ledger migrate", _migrate)
    _add_folder(migrate, commands)
    migrate.add_argument("--to", required=True, metavar="URL", help=commands.words.text("help.migrate_to"))


def _add_folder(command: argparse.ArgumentParser, commands: Commands) -> None:
    words = commands.words
    command.add_argument(
        "folder", type=Path, metavar=words.text("argument.folder"), help=words.text("help.service_folder")
    )


def _schema(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.database.opening import open_store
    from ledger_sync.homes.stores import ServiceHome

    with _reaching(args.folder):
        home = ServiceHome.read(args.folder)
        if not args.check:
            for place in home.places:
                open_store(place.url, place.kind, home.folder).close()
        found = home.versions()
    rows = [[place.kind.name, str(version.found), str(version.known)] for place, version in found]
    context.show.table("", ("ledger.store", "ledger.found>", "ledger.newest>"), rows)
    is_newest = all(version.is_newest for _, version in found)
    context.show.say("ledger.all_newest" if is_newest else "ledger.not_newest")
    stores = [
        {"store": place.kind.name, "found": version.found, "newest": version.known}
        for place, version in found
    ]
    context.show.result(stores=stores, is_newest=is_newest)
    return Status.DONE if is_newest else Status.REFUSED


def _migrate(args: argparse.Namespace, context: Context) -> Status:
    require_extras("postgres")
    require_server("--to", args.to)
    from ledger_sync.homes.migrating import migrate

    stores: list[dict[str, int | str | bool]] = []

    def tell(place: Place, copied: Copied) -> None:
        name = place.kind.name
        said = "ledger.was_there" if copied.was_there else "ledger.copied"
        context.show.say(said, name=name, count=copied.rows)
        stores.append({"store": name, "rows": copied.rows, "was_there": copied.was_there})

    with _reaching(args.folder):
        is_new = migrate(args.folder, args.to, tell)
    context.show.say("ledger.migrated" if is_new else "ledger.is_there", name=str(args.folder))
    context.show.result(stores=stores, migrated=is_new)
    return Status.DONE


def require_server(option: str, url: str) -> None:
    """The URL of a server, and no password in it: arguments are seen by everybody on the machine."""
    said = urlsplit(url)
    if said.scheme not in _SERVERS:
        raise UsageError("usage.database", name=option)
    if said.password is not None or "password" in parse_qs(said.query):
        raise UsageError("usage.database_password")


@contextmanager
def _reaching(folder: Path) -> Iterator[None]:
    """What keeps a home or its database from being read is said by name."""
    from ledger_sync.database.store import OutcomeUnknown, StoreError

    try:
        yield
    except FileNotFoundError as error:
        raise MissingPart("missing.service_home", name=str(folder)) from error
    except OutcomeUnknown as error:
        raise MissingPart("missing.outcome", name=str(folder)) from error
    except StoreError as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise MissingPart("missing.database", said=why[0]) from error
