"""PostgreSQL for tests: private clusters out of the system's programs, never a system service.

A cluster lies in a folder of its own, listens on a socket in it and on no port, and runs as whoever runs the tests or,
where that is root, whom PostgreSQL refuses, as an unprivileged user who owns the folder. One cluster serves a whole
run and all its workers (`shared`, the fixtures `postgres` and `postgres_url`); a test that kills, stops or pauses a
server makes its own (`own`). Both end when the last process that uses them has gone, also by SIGKILL:
tests/support/postgres_janitor.py sees to that. Nothing is flushed to the disk (fsync off), so what a kill loses is what
PostgreSQL loses, not what a machine does.

Databases sort by the rules of a language, which are not SQLite's: who relies on an order has to say which.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, TypeVar

import psycopg
from psycopg import sql

from tests.support.postgres_janitor import kill_all, processes_in

T = TypeVar("T")

_OWNER: Final = "qalta"
_JANITOR: Final = Path(__file__).with_name("postgres_janitor.py")
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "lc_messages": "C",
    "jit": "off",
}
_LEAVE: Final = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY: Final = """
DO $$ DECLARE filled text; BEGIN
    SELECT string_agg(oid::regclass::text, ', ') INTO filled FROM pg_class
    WHERE relkind = 'r' AND (relnamespace = 'public'::regnamespace OR relnamespace::int >= 16384)
        AND relname <> 'schema_version' AND pg_relation_size(oid) > 0;
    IF filled IS NOT NULL THEN EXECUTE 'TRUNCATE ' || filled || ' RESTART IDENTITY CASCADE'; END IF;
END $$
"""
_numbers = itertools.count(1)


def told(processes: Iterable[int], of: Callable[[Path], T]) -> list[T]:
    """What /proc says of each process; a server's child may end between being listed and being asked about."""
    found = []
    for process in processes:
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(of(Path(f"/proc/{process}")))
    return found


@dataclass(slots=True)
class Cluster:
    """One server: its folder, whom it runs as (None: as ourselves), and its process where we started it."""

    folder: Path
    user: str | None
    server: subprocess.Popen[bytes] | None = None
    _lent: dict[str, list[str]] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{_OWNER}@/{database}?host={self.folder}"

    def fresh(self, like: str | None = None) -> str:
        """URL of a new database: empty, or a copy of the one at that URL, to which nobody may be connected."""
        name = f"t{os.getpid()}_{next(_numbers)}"
        template = "template0" if like is None else _name(like)
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        return self.url(name)

    def drop(self, url: str) -> None:
        """The database is gone, whoever is still connected to it."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", _name(url))

    @contextmanager
    def database(self) -> Iterator[str]:
        """URL of a database for as long as the block lasts."""
        url = self.fresh()
        try:
            yield url
        finally:
            self.drop(url)

    @contextmanager
    def lent(self, kind: str, prepare: Callable[[str], None]) -> Iterator[str]:
        """URL of a database with the tables that ``prepare`` makes, and without rows but for their versions.

        Prepared once a process for each kind, and emptied after each use: a quarter of what a new one costs.
        """
        free = self._lent.setdefault(kind, [])
        if free:
            url = free.pop()
        else:
            prepare(url := self.fresh())
        try:
            yield url
        finally:
            with psycopg.connect(url) as connection:
                connection.execute(_LEAVE)
                connection.execute(_EMPTY)
            free.append(url)

    def start(self) -> None:
        """Answers from now on; after a kill it has recovered first."""
        assert self.server is None, "it runs"
        settings = {**_SETTINGS, "unix_socket_directories": self.folder}
        options = itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in settings.items())
        told = self.folder / "told"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear, open(self.folder / "log", "ab") as log:
            ear.bind(str(told))
            told.chmod(0o777)
            self.server = self._spawn("postgres", *options, said=log, tell=told)
            end = os.pidfd_open(self.server.pid)
            try:
                heard = b""
                while b"READY=1" not in heard:
                    first, _, _ = select.select([ear.fileno(), end], [], [], 120)
                    heard = ear.recv(4096) if ear.fileno() in first else b""
                    assert heard, f"PostgreSQL does not start: {self._log()}"
            finally:
                os.close(end)
                told.unlink()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ended in order: SIGINT ends connections first, SIGTERM waits for them, SIGQUIT leaves recovery to `start`."""
        assert self.server is not None, "it does not run, or is another process's"
        self.server.send_signal(how)
        self._reap()

    def kill(self) -> None:
        """SIGKILL to the server and all that serves a connection, as by a crash; `start` recovers."""
        kill_all(self.data)
        self._reap()

    def pause(self) -> None:
        """SIGSTOP: connections stay, and nothing is answered until `resume`."""
        while self.states() != {"T"}:
            self._signal(processes_in(self.data), signal.SIGSTOP)
            os.sched_yield()

    def states(self) -> set[str]:
        """What the kernel says of each process of the server: R, S, T and so on."""
        return {
            stat.rpartition(") ")[2][0] for stat in self._told(lambda of: (of / "stat").read_text("utf-8"))
        }

    def owners(self) -> set[int]:
        """The users, by number, that its processes run as."""
        return set(self._told(lambda of: of.stat().st_uid))

    def _told(self, of: Callable[[Path], T]) -> list[T]:
        return told(processes_in(self.data), of)

    def resume(self) -> None:
        self._signal(processes_in(self.data), signal.SIGCONT)

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs on this cluster's data. AssertionError with what it said where it fails."""
        with tempfile.TemporaryFile() as said:
            status = self._spawn(program, *arguments, said=said).wait()
            said.seek(0)
            assert status == 0, f"{program}: {said.read().decode()}"

    def _spawn(
        self, program: str, *arguments: str, said: IO[bytes], tell: Path | None = None
    ) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        return subprocess.Popen(
            [_programs() / program, "-D", self.data, *arguments],
            env=environment if tell is None else {**environment, "NOTIFY_SOCKET": str(tell)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            user=self.user,
            group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
            extra_groups=None if self.user is None else (),
            start_new_session=True,
        )

    def _reap(self) -> None:
        if self.server is not None:
            self.server.wait()
            self.server = None

    def _log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @staticmethod
    def _signal(processes: Iterable[int], number: signal.Signals) -> None:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)


@contextmanager
def own() -> Iterator[Cluster]:
    """A running cluster for as long as the block lasts, for tests that do it harm."""
    with tempfile.TemporaryDirectory(prefix="qalta-hold-") as folder, shared(Path(folder)) as cluster:
        yield cluster
        cluster.kill()


@contextmanager
def shared(gate: Path) -> Iterator[Cluster]:
    """The running cluster of all who name the same folder; the first makes it, and after the last it ends."""
    with open(gate / "qalta-postgres", "a+") as held:
        with open(gate / "qalta-postgres-door", "a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(held, fcntl.LOCK_SH)
            held.seek(0)
            said = held.read()
            cluster = Cluster(Path(said), _user()) if said else _made(held.name)
            held.write("" if said else str(cluster.folder))
            held.flush()
        yield cluster


def _made(hold: str) -> Cluster:
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="qalta-postgres-", dir=_place(user))).resolve()
    silent = subprocess.DEVNULL  # It outlives us: nobody who reads what we say shall wait for it.
    janitor = [sys.executable, "-I", "-S", str(_JANITOR), str(folder), hold]
    subprocess.run(janitor, stdin=silent, stdout=silent, stderr=silent, check=True)
    if user is not None:
        shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    cluster = Cluster(folder, user)
    sorting = ["--locale=C", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en"]
    cluster.run("initdb", "-U", _OWNER, "-A", "trust", "--no-sync", "--no-instructions", *sorting)
    cluster.start()
    return cluster


def _name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def _user() -> str | None:
    """None unless we are root: then the user of Debian's package, or nobody."""
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _place(user: str | None) -> Path:
    """Where temporary folders are, if that user can get there. A socket's path has to be short."""
    places = [Path(tempfile.gettempdir()).resolve(), Path("/tmp")]
    if user is None:
        return places[0]
    return next(each for each in places if all(up.stat().st_mode & 1 for up in (each, *each.parents)))


def _programs() -> Path:
    """The folder of the newest PostgreSQL of this system."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda each: int(each.parts[4]))
    found = debian[-1] if debian else shutil.which("postgres")
    assert found, "no PostgreSQL here; ./test installs it"
    return Path(found).parent
