"""One network for each test, over files; for a sample of the tests over PostgreSQL too, for all under ./test --all."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.network import BANKS, LedgerNetwork
from tests.sampling import everything, seed
from tests.support.databases import Databases
from tests.support.postgres import Cluster

_SHARE: Final = 0.06
_OF_SQLITE: Final = ("test_growth", "test_certified_often")
"""What these ask for is SQLite's own."""
_KINDS: Final = {CENTRAL_BANK: "central_bank", NOTARY: "notary", **dict.fromkeys(BANKS, "bank")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every worker of a run chooses alike: by the run's seed and the test's name."""
    if "databases" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] not in _OF_SQLITE:
        name = f"{metafunc.module.__name__}.{metafunc.function.__name__}"
        if everything() or random.Random(f"{seed()}:{name}").random() < _SHARE:
            metafunc.parametrize("databases", ["sqlite", "postgres"], indirect=True)


Places = tuple[Mapping[str, str], Callable[[str], str] | None]
"""URLs of databases by service, whose stores are in its folder where none is named; and what copies one."""


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[Places]:
    with ExitStack() as lent:
        if getattr(request, "param", "sqlite") == "sqlite":
            yield {}, None
        else:
            cluster: Cluster = request.getfixturevalue("postgres")
            copies = lent.enter_context(Databases(cluster))
            urls = {
                name: lent.enter_context(cluster.lent(f"all of a {kind}", lambda _url: None))
                for name, kind in _KINDS.items()
            }
            yield urls, copies.clone


@pytest.fixture
def net(tmp_path: Path, databases: Places) -> Iterator[LedgerNetwork]:
    urls, clone = databases
    made = LedgerNetwork(tmp_path, databases=urls, clone=clone)
    yield made
    made.close()
