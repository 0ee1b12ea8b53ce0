"""A store with a table of its own, for each engine; opened by URL as often as wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Kind, Store
from tests.support.postgres import Cluster
from wallet.database import Schema

_SQLITE: Final = (
    "create table held (key blob primary key, amount integer not null check (amount >= 0)) strict;"
)
_POSTGRES: Final = "create table held (key bytea primary key, amount bigint not null check (amount >= 0));"
_MORE: Final = "alter table held add column note text;"

Open = Callable[[], Store]


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """A kind of store of which version 1 is known."""
    package = tmp_path / "growing_store"
    for folder, script in (("migrations", _SQLITE), ("migrations/postgres", _POSTGRES)):
        (package / folder).mkdir(parents=True)
        (package / folder / "0001_first.sql").write_text(script)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Kind("growing", Schema("growing_store"))
    sys.modules.pop("growing_store", None)


@pytest.fixture
def newer(kind: Kind, tmp_path: Path) -> Kind:
    """The same kind, of which version 2 is known."""
    for place in ("migrations", "migrations/postgres"):
        old = tmp_path / "growing_store" / place
        new = tmp_path / "growing_store" / place.replace("migrations", "later")
        new.mkdir(parents=True, exist_ok=True)
        (new / "0001_first.sql").write_text((old / "0001_first.sql").read_text())
        (new / "0002_more.sql").write_text(_MORE)
    return Kind("growing", Schema("growing_store", "later"))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty database."""
    found: str = "sqlite:store.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def opened(url: str, kind: Kind, tmp_path: Path) -> Iterator[Open]:
    """Opens the store once more."""
    with ExitStack() as stack:

        def opened() -> Store:
            store = open_store(url, kind, tmp_path)
            stack.callback(store.close)
            return store

        yield opened


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


@pytest.fixture
def pg(postgres: Cluster, kind: Kind) -> Iterator[tuple[Cluster, str]]:
    """A database of the run's cluster in which the store is made."""
    with postgres.database() as url:
        open_store(url, kind, Path()).close()
        yield postgres, url
