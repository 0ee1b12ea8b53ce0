"""Every engine that a bank's storage has, and one store of it for each test.

Rule: `backend.open` is another process' view of the same store: what two writers may do at once, two opened storages
show.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.sql.storage import KIND, SqlStorage
from ledger_sync.database.opening import open_store
from tests.sampling import everything
from tests.support.postgres import Cluster

_FEWER = 16


class Backend:
    """One store, opened as often as wanted."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._opened: list[Storage] = []

    def open(self) -> Storage:
        """One more storage upon the same store; closed after the test."""
        self._opened.append(SqlStorage(open_store(self.url, KIND, self._folder)))
        return self._opened[-1]

    def close(self) -> None:
        for storage in self._opened:
            storage.close()


Lend = Callable[[], AbstractContextManager[Backend]]
"""An empty store, for as long as the block lasts."""


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine."""
    return str(request.param)


@pytest.fixture
def lend(engine: str, request: pytest.FixtureRequest) -> Lend:
    """Stores of the engine."""
    database = _file if engine == "sqlite" else _lent_by(request.getfixturevalue("postgres"))

    @contextmanager
    def lent() -> Iterator[Backend]:
        with tempfile.TemporaryDirectory() as folder, database() as url:
            made = Backend(url, Path(folder))
            try:
                yield made
            finally:
                made.close()

    return lent


@contextmanager
def _file() -> Iterator[str]:
    yield "sqlite:bank.db"


def _lent_by(cluster: Cluster) -> Callable[[], AbstractContextManager[str]]:
    return lambda: cluster.lent("bank", lambda url: open_store(url, KIND, Path()).close())


@pytest.fixture
def backend(lend: Lend) -> Iterator[Backend]:
    with lend() as made:
        yield made


@pytest.fixture
def storage(backend: Backend) -> Storage:
    return backend.open()


@pytest.fixture
def some(engine: str) -> settings:
    """How many examples of a property: fewer in PostgreSQL, of which each takes longer, unless everything is run."""
    usual = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    is_fewer = engine == "postgres" and not everything()
    return settings(usual, max_examples=usual.max_examples // _FEWER) if is_fewer else usual
