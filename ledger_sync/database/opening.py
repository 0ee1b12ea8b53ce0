"""Which engine keeps a store: told by its URL, the setting ``database`` of a service.

Rule: one database is one service's. A server keeps all of its stores there, each in the schema of its kind; with SQLite
each is a file, the others beside that of ``database``.

``sqlite:FILE`` is a file below the service's home (or an absolute path), ``postgresql://...`` a database as libpq
reads it (PostgreSQL manual 34.1.1.2); several hosts and ``target_session_attrs=read-write`` find the one that leads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Final

from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.database.store import Kind, Store

Opening = Callable[[str, Kind, Path], Store]
"""What `open_store` is."""
_SQLITE: Final = "sqlite"


def beside(url: str, file: str) -> str:
    """The URL of another store of the service whose ``database`` is at `url`; `file` is what SQLite calls it."""
    scheme, _, rest = url.partition(":")
    return f"{scheme}:{PurePath(rest).with_name(file)}" if scheme == _SQLITE else url


def open_store(url: str, kind: Kind, folder: Path) -> Store:
    """The store at `url`, brought to the newest version; made if it is not there.

    Raises ``ValueError`` for another URL, `Unavailable`, ``ImportError`` (psycopg, the extra ``postgres``), and what
    `wallet.database.connect` does.
    """
    scheme, _, rest = url.partition(":")
    if scheme == _SQLITE and rest:
        return SqliteStore(folder / rest, kind.schema)
    if scheme in ("postgresql", "postgres"):
        # Only who keeps a store there needs the driver.
        from ledger_sync.database.postgres import PostgresStore

        return PostgresStore(url, kind)
    raise ValueError(f"no store is opened by {scheme}:")
