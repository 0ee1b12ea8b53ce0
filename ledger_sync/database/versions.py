"""Which version a store is of, found without changing anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ledger_sync.database.store import Kind
from wallet.database import migrations


@dataclass(frozen=True, slots=True)
class Version:
    """The newest migration that a store has, and the newest there is."""

    found: int
    known: int

    @property
    def is_newest(self) -> bool:
        return self.found == self.known


def version_of(url: str, kind: Kind, folder: Path) -> Version | None:
    """Of the store at `url`; None where it was not made yet. Where a newer Qalta wrote it, more than is known is found.

    Raises `Unavailable`, ``ImportError`` (psycopg), ``sqlite3.Error``.
    """
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        from ledger_sync.database.postgres import stored_version

        found = stored_version(url, kind)
        return None if found is None else Version(found, len(migrations(kind.postgres)))
    path = folder / rest
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as raw:
        (version,) = raw.execute("pragma user_version").fetchone()
    return Version(version, kind.schema.version)
