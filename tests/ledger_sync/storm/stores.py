"""What the services of a storm keep their stores in, and what may happen to it: one server, or three under a quorum."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger_sync import cluster
from ledger_sync.cluster import State
from tests.ledger_sync.storm.lines import COMMIT, Line, Network
from tests.support import postgres
from tests.support.cluster import LOST, Hurt, own_cluster

_SOCKET: Final = ".s.PGSQL.5432"
_PATIENCE: Final = 3
"""Seconds for a server that may hang."""
_SUPERUSER: Final = "postgres"
_END: Final = """select pg_terminate_backend(pid) from pg_stat_activity
where datname = %s and pid <> pg_backend_pid() order by pid"""


class Stores(ABC):
    """Databases of several services, by their names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = {name: f"storm_{name.replace('-', '_')}" for name in names}
        self.lines: dict[str, Line] = {}
        """What may be cut between a service and its database, where that can be."""
        self.environment: dict[str, str] = {}
        """What a service's process needs beside the URL to get there."""

    @abstractmethod
    def url(self, name: str) -> str:
        """Where a service finds its database."""

    @abstractmethod
    def administrator(self) -> psycopg.Connection[tuple[object, ...]]: ...

    @abstractmethod
    def mend(self) -> None:
        """All of it runs and answers."""

    def end_connections(self, name: str) -> None:
        """The server ends those of a service, in whatever they are, if it answers."""
        with suppress(psycopg.OperationalError), self.administrator() as db:
            db.execute(_END, (self.names[name],))

    def _make(self, owner: str) -> None:
        with self.administrator() as db:
            for name in self.names.values():
                made = sql.SQL("create database {} owner {}").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
                db.execute(made)


class OneServer(Stores):
    """PostgreSQL alone, with synchronous commit; a line of each service to it."""

    def __init__(
        self, names: Iterable[str], server: postgres.Cluster, network: Network, folder: Path
    ) -> None:
        super().__init__(names)
        self.server = server
        self._folder = folder
        back = Path(str(conninfo_to_dict(server.url())["host"])) / _SOCKET
        for name in self.names:
            place = folder / name
            place.mkdir()
            self.lines[name] = network.line(place / _SOCKET, back, COMMIT)
        self._make(str(conninfo_to_dict(server.url())["user"]))

    def url(self, name: str) -> str:
        said = conninfo_to_dict(self.server.url())
        return f"postgresql://{said['user']}@/{self.names[name]}?host={self._folder / name}"

    def administrator(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.server.url(), autocommit=True, connect_timeout=_PATIENCE)

    def stop(self) -> None:
        """Ended in order, if it runs; one that hangs hears of it once it goes on."""
        if self.server.server is not None:
            self.server.resume()
            self.server.stop()

    def pause(self) -> None:
        """It hangs, if it runs, until all is mended."""
        if self.server.server is not None:
            self.server.pause()

    def mend(self) -> None:
        if self.server.server is None:
            self.server.start()
        self.server.resume()


class ThreeServers(Stores):
    """PostgreSQL on three nodes under Patroni, with quorum commits."""

    def __init__(self, names: Iterable[str], nodes: Hurt, folder: Path) -> None:
        super().__init__(names)
        self.nodes = nodes
        said = urlsplit(nodes.url)
        _, _, self._hosts = said.netloc.rpartition("@")
        self._owner, self._how = str(said.username), said.query
        secrets = json.loads((nodes.folder / "secrets.json").read_text())
        passwords = folder / "passwords"
        passwords.touch(0o600)
        passwords.write_text(
            f"*:*:*:{self._owner}:{said.password}\n*:*:*:{_SUPERUSER}:{secrets[_SUPERUSER]}\n"
        )
        self.environment["PGPASSFILE"] = str(passwords)
        self._passwords = passwords
        self._make(self._owner)

    def url(self, name: str) -> str:
        return self._url(self._owner, self.names[name])

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@{self._hosts}/{database}?{self._how}"

    def administrator(self) -> psycopg.Connection[tuple[object, ...]]:
        url = self._url(_SUPERUSER, "postgres")
        return psycopg.connect(url, autocommit=True, passfile=str(self._passwords))

    def kill_leader(self, *, machine: bool) -> None:
        """SIGKILL of the leader, or of all that runs beside it; another leads then."""
        leader = self._leader()
        if leader is not None:
            cluster.kill(self.nodes.folder, self.nodes.nodes()[leader].machine if machine else leader)
            self.nodes.next_leader(leader)

    def pause_leader(self) -> None:
        """It hangs until all is mended; another leads then."""
        leader = self._leader()
        if leader is not None:
            cluster.pause(self.nodes.folder, leader)
            self.nodes.next_leader(leader)

    def mend(self) -> None:
        self.nodes.whole()

    def _leader(self) -> str | None:
        """Whoever is to be lost; what was lost before is mended first, as without two of three nobody can lead."""
        if any(one.state in LOST for one in self.nodes.nodes().values()):
            self.mend()
        leads = [name for name, one in self.nodes.nodes().items() if one.state is State.LEADER]
        return leads[0] if leads else None


@contextmanager
def one_server(names: Iterable[str], network: Network, folder: Path) -> Iterator[OneServer]:
    """As long as the block lasts; ``folder`` has a short path."""
    with postgres.own() as server:
        yield OneServer(names, server, network, folder)


@contextmanager
def three_servers(names: Iterable[str], folder: Path) -> Iterator[ThreeServers]:
    """As long as the block lasts."""
    with own_cluster() as nodes:
        yield ThreeServers(names, nodes, folder)
