"""Places for a notary's store: every test that asks for one runs on each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from ledger_sync.notary.sql_store import SqlStore
from tests.ledger_sync.notary.backends import in_file, opened
from tests.support.postgres import Cluster

Places = Callable[[], AbstractContextManager[str]]
"""The URL of an empty store, for as long as a block lasts."""
Writers = Callable[[], AbstractContextManager[list[SqlStore]]]
"""Three who write to one empty store, each as if it were alone, for as long as a block lasts."""


@contextmanager
def _file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield in_file(Path(folder))


@contextmanager
def _three(url: str) -> Iterator[list[SqlStore]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(opened(url))) for _ in range(3)]


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def places(engine: str, request: pytest.FixtureRequest) -> Places:
    if engine == "sqlite":
        return _file
    cluster: Cluster = request.getfixturevalue("postgres")
    return lambda: cluster.lent("notary", lambda url: opened(url).close())


@pytest.fixture(scope="session")
def writers(engine: str, places: Places) -> Iterator[Writers]:
    """Upon PostgreSQL the same three each time, since it takes a while to connect; what they wrote is gone."""

    @contextmanager
    def in_file_of_its_own() -> Iterator[list[SqlStore]]:
        with places() as url, _three(url) as found:
            yield found

    if engine == "sqlite":
        yield in_file_of_its_own
        return
    with places() as url, _three(url) as found, psycopg.connect(url, autocommit=True) as db:

        @contextmanager
        def emptied() -> Iterator[list[SqlStore]]:
            try:
                yield found
            finally:
                db.execute("truncate notary.claims, notary.won, notary.nodes, notary.log, notary.heads")

        yield emptied


@pytest.fixture
def url(places: Places) -> Iterator[str]:
    with places() as found:
        yield found


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with closing(opened(url)) as found:
        yield found
