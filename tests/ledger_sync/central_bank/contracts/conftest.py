"""Every backend that a central bank's ports have, and one store of it for each test.

Rule: `backend.open` is another process' view of the same store: what two writers may do at once, two opened storages
show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.sqlite.storage import SqliteStorage


class Backend:
    """One store, opened as often as wanted."""

    def __init__(self, connect: Callable[[], Storage]) -> None:
        self._connect = connect
        self._opened: list[Storage] = []

    def open(self) -> Storage:
        """One more storage upon the same store; closed after the test."""
        self._opened.append(self._connect())
        return self._opened[-1]

    def close(self) -> None:
        for storage in self._opened:
            storage.close()


def sqlite(folder: Path) -> Backend:
    return Backend(lambda: SqliteStorage(folder / "central_bank.db"))


BACKENDS: dict[str, Callable[[Path], Backend]] = {"sqlite": sqlite}


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = BACKENDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def storage(backend: Backend) -> Storage:
    return backend.open()


@pytest.fixture
def other(backend: Backend, storage: Storage) -> Storage:
    """Another writer to the same store."""
    return backend.open()
