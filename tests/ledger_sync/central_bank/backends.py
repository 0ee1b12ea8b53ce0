"""Every engine that a central bank's ports stand on, and one store of it for each test.

Rule: `Backend.open` is another process' view of the same store: what two writers may do at once, two opened storages
show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ledger_sync.central_bank.sql.storage import KIND, SqlStorage
from ledger_sync.database.opening import open_store
from tests.support.postgres import Cluster

SQLITE: Final = "sqlite:central_bank.db"


class Backend:
    """One store, opened as often as wanted."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._opened: list[SqlStorage] = []

    def open(self) -> SqlStorage:
        """One more storage upon the same store; closed after the test."""
        self._opened.append(SqlStorage(open_store(self._url, KIND, self._folder)))
        return self._opened[-1]

    def close(self) -> None:
        for storage in self._opened:
            storage.close()


@contextmanager
def in_file(folder: Path) -> Iterator[Backend]:
    with closing(Backend(SQLITE, folder)) as backend:
        yield backend


@contextmanager
def in_cluster(cluster: Cluster, folder: Path) -> Iterator[Backend]:
    with cluster.lent(KIND.name, _prepare) as url, closing(Backend(url, folder)) as backend:
        yield backend


def _prepare(url: str) -> None:
    open_store(url, KIND, Path()).close()
