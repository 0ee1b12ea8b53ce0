"""A cluster of three nodes of one's own for a measurement: what `qalta cluster start` runs on loopback, in a folder
that ends with who made it.

Rule: nothing but its place is another's: the same parts, settings and quorum. Passwords are in a file that URLs name,
as services take them from nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from app.bench.folders import own_folder
from app.bench.ledger_postgres import PLACE
from app.terminal.show import Show
from app.terminal.status import MissingPart
from ledger_sync import cluster
from ledger_sync.cluster import ClusterError
from ledger_sync.processes import write

_PASSWORDS: Final = "passwords"


@dataclass(frozen=True, slots=True)
class ThreeNodes:
    """A whole cluster in ``folder``."""

    folder: Path

    def fresh(self, name: str) -> str:
        """URL of a database of this name, empty."""
        said = urlsplit(cluster.database(self.folder, name))
        owner, _, hosts = said.netloc.rpartition("@")
        user, _, password = owner.partition(":")
        passwords = self.folder / _PASSWORDS
        write(passwords, f"*:*:*:{unquote(user)}:{unquote(password)}\n")
        query = f"{said.query}&passfile={quote(str(passwords), safe='')}"
        return said._replace(netloc=f"{user}@{hosts}", query=query).geturl()

    def roots(self) -> Mapping[str, int]:
        """Patroni's three, of which PostgreSQL's processes descend, and the store's three."""
        return {one.name: one.pid for one in cluster.status(self.folder) if one.pid is not None}

    def shares(self, taken: Mapping[str, Mapping[int, float]]) -> Mapping[str, float]:
        """All of it is for all."""
        return {"": sum(seconds for tree in taken.values() for seconds in tree.values())}


@contextmanager
def private_cluster(show: Show) -> Iterator[ThreeNodes]:
    """A whole cluster for as long as the block lasts. MissingPart: its programs, or it does not start."""
    with own_folder(PLACE) as folder:
        folder.chmod(0o755)
        try:
            try:
                cluster.start(folder, tell=lambda step: show.step(f"cluster.step_{step}"))
            except ClusterError as error:
                raise MissingPart(f"missing.cluster_{error.trouble.value}", **error.facts) from None
            yield ThreeNodes(folder)
        finally:
            cluster.stop(folder)
