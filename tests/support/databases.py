"""Databases of the services of one world in PostgreSQL, and an auditor's look into them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Self

from ledger_sync.bank.sql.storage import KIND as BANK
from ledger_sync.central_bank.sql.storage import KIND as CENTRAL_BANK_KIND
from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Store
from ledger_sync.notary.sql_store import KIND as NOTARY_KIND
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.support.postgres import Cluster

ENGINES: Final = ("postgres", "sqlite")
"""What services keep their stores in."""


class Databases(AbstractContextManager["Databases"]):
    """Made one by one, dropped together when the block ends."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made: list[str] = []
        self._looks: dict[str, Store] = {}

    def __exit__(self, *_: object) -> None:
        self.look_away()
        for url in self._made:
            self._cluster.drop(url)

    def look_away(self) -> None:
        """The auditor is connected to none, until it looks again."""
        while self._looks:
            self._looks.popitem()[1].close()

    def fresh(self) -> str:
        """The URL of an empty one."""
        self._made.append(self._cluster.fresh())
        return self._made[-1]

    def clone(self, url: str) -> str:
        """The URL of a copy of one that no service is connected to."""
        if (look := self._looks.pop(url, None)) is not None:
            look.close()
        self._made.append(self._cluster.fresh(url))
        return self._made[-1]

    def beside(self) -> Self:
        """Databases of another world, out of the same cluster."""
        return type(self)(self._cluster)

    def rows(self, name: str, url: str, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """What the database of that service holds."""
        look = self._looks.get(url)
        if look is None:
            kind = {CENTRAL_BANK: CENTRAL_BANK_KIND, NOTARY: NOTARY_KIND}.get(name, BANK)
            look = self._looks[url] = open_store(url, kind, Path())
        return look.rows(sql, values)
