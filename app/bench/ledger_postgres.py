"""A PostgreSQL of one's own for a measurement: a cluster in a folder, on a socket there, that ends with who made it.

Rule: it is as durable as a service's has to be (fsync, synchronous commits); nothing of the system is started or
changed. Where root measures, an unprivileged account runs it and owns the data, as in a cluster of three.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.bench.folders import own_folder
from app.bench.ledger_meter import by_database
from app.terminal.status import MissingPart
from ledger_sync.cluster.account import Account, account
from ledger_sync.cluster.configuration import PARAMETERS
from ledger_sync.cluster.programs import postgres_programs
from ledger_sync.cluster.trouble import ClusterError

_OWNER: Final = "qalta"
_ROOT: Final = "PostgreSQL"
PLACE: Final = Path("/tmp")  # noqa: S108 - only for folders with a name that nobody can guess
"""Where the other account can enter, and a socket's path is short."""
_SETTINGS: Final = {
    "listen_addresses": "",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "timezone": "UTC",
    "lc_messages": "C",
}
_AS_NODE: Final = {name: str(value) for name, value in PARAMETERS.items()} | {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}
_WATCHED: Final = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
_BACKENDS: Final = "select pid, datname from pg_stat_activity where datname is not null"
_STATEMENTS: Final = """
select calls, total_exec_time, rows, regexp_replace(query, '\\s+', ' ', 'g') from pg_stat_statements
join pg_database on pg_database.oid = dbid where datname = '{}' order by total_exec_time desc limit {}
"""


_FILL: Final = (
    "insert into notary.won (txid, output, claim) select sha256(int8send(n)), 0, 1 from generate_series(1, {}) as n",
    "analyze notary.won",
    "checkpoint",
)
"""References that nobody asks for, as the notary keeps those that were consumed: each a row, found by its key."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a database: how often it ran, its milliseconds in all, and its rows."""

    calls: int
    milliseconds: float
    rows: int
    text: str


@dataclass(frozen=True, slots=True)
class PrivatePostgres:
    """``pid``: of the process that all others of the server descend from."""

    folder: Path
    account: Account
    programs: Path
    pid: int
    counts_statements: bool = False
    _made: set[str] = field(default_factory=set)

    def fresh(self, name: str) -> str:
        """URL of a database of this name, empty."""
        if name in self._made:
            self._ask(f'drop database "{name}" with (force)')
        self._ask(f'create database "{name}"')
        self._made.add(name)
        if self.counts_statements:
            self._ask("create extension pg_stat_statements", name)
        return f"postgresql://{_OWNER}@/{name}?host={self.folder}"

    def roots(self) -> Mapping[str, int]:
        return {_ROOT: self.pid}

    def shares(self, taken: Mapping[str, Mapping[int, float]]) -> Mapping[str, float]:
        """By whose database each process serves now; those that serve none, or have ended, are for all."""
        backends = {int(pid): name for pid, name in self._ask(_BACKENDS) if name != "postgres"}
        return by_database(taken[_ROOT], backends)

    def consume(self, name: str, references: int) -> None:
        """So many more references were consumed once at the notary whose database this is."""
        for sql in _FILL:
            self._ask(sql.format(references), name)

    def forget_statements(self) -> None:
        """What ran until now is counted no more."""
        if self.counts_statements and self._made:
            self._ask("select pg_stat_statements_reset()", next(iter(self._made)))

    def statements(self, name: str, most: int) -> list[Statement]:
        """Those of a database that took longest. None are counted unless it was asked for at the start."""
        if not self.counts_statements:
            return []
        found = self._ask(_STATEMENTS.format(name, most), name)
        return [Statement(int(calls), float(took), int(rows), text) for calls, took, rows, text in found]

    def _ask(self, sql: str, database: str = "postgres") -> list[list[str]]:
        command = [str(self.programs / "psql"), "-X", "-U", _OWNER, "-h", str(self.folder), "-d", database]
        done = _run(self.account, [*command, "--csv", "-t", "-q", "-c", sql])
        return [row for row in csv.reader(done.splitlines()) if row]


def _run(as_whom: Account, command: list[str]) -> str:
    """What a program says. ``OSError`` with its complaint where it fails."""
    done = subprocess.run(
        as_whom.command(*command), capture_output=True, text=True, check=False, cwd="/", env=_environment()
    )
    if done.returncode:
        raise OSError(f"{Path(command[0]).name}: {done.stderr.strip()}")
    return done.stdout


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}


def is_here() -> bool:
    """Whether PostgreSQL is installed, and somebody may run it."""
    try:
        account()
    except ClusterError:
        return False
    return postgres_programs() is not None


@contextmanager
def private_postgres(*, counts_statements: bool = False, as_node: bool = False) -> Iterator[PrivatePostgres]:
    """A running server for as long as the block lasts, and no longer than who made it. ``as_node``: with the settings
    of one of three under Patroni, and not with those for one alone. MissingPart without its programs; ``OSError``."""
    programs = postgres_programs()
    if programs is None or not is_here():
        raise MissingPart("missing.cluster_programs", names="postgresql")
    as_whom = account()
    with own_folder(PLACE) as folder:
        if as_whom.is_handed:
            os.chown(folder, as_whom.uid, as_whom.gid)
        data = folder / "data"
        checked = ["--data-checksums"] if as_node else []
        making = [str(programs / "initdb"), "-D", str(data), "-U", _OWNER, "-A", "trust", "-E", "UTF8"]
        _run(as_whom, [*making, "--no-sync", *checked])
        settings = _SETTINGS | (_AS_NODE if as_node else {}) | (_WATCHED if counts_statements else {})
        settings["unix_socket_directories"] = str(folder)
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = as_whom.command(str(programs / "postgres"), "-D", str(data), *options)
        with open(folder / "log", "ab") as log:
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        try:
            _await(as_whom, programs, folder, server)
            yield PrivatePostgres(folder, as_whom, programs, server.pid, counts_statements)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


def _await(as_whom: Account, programs: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    """``OSError`` with its last words where it ends instead."""
    ready = [
        str(programs / "pg_isready"),
        "-q",
        "-t",
        "10",
        "-h",
        str(folder),
        "-U",
        _OWNER,
        "-d",
        "postgres",
    ]
    while subprocess.run(as_whom.command(*ready), check=False, cwd="/", env=_environment()).returncode:
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise OSError(f"postgres: {(folder / 'log').read_text('utf-8', 'replace')[-500:]}")
