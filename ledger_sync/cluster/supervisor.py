"""Starting, looking at, breaking and stopping a cluster on loopback.

Rule: again is success, for every call and from every state that a crash leaves: start makes what is missing, starts
what does not run and lets go on what is paused; stop ends all that runs. Nothing here watches: who started it may go.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ledger_sync.cluster.account import Account, account
from ledger_sync.cluster.configuration import (
    SECRETS,
    Places,
    as_yaml,
    node_settings,
    postgres_floor,
    secret_environment,
    store_settings,
)
from ledger_sync.cluster.parts import Part
from ledger_sync.cluster.plan import DATABASE, LOOPBACK, Group, Machines, Member, Node, on_loopback
from ledger_sync.cluster.programs import Programs, programs
from ledger_sync.cluster.trouble import ClusterError, Trouble
from ledger_sync.cluster.views import PATIENCE, State, Status, lacking, member_says, node_says
from ledger_sync.http.loopback import loopback
from ledger_sync.processes import alone, spawn, write

READY_SECONDS: Final = 180.0
END_SECONDS: Final = 60.0
LEADER: Final = "leader"
_PLAN: Final = "cluster.json"
_PROGRAMS: Final = "programs.json"
_SECRETS: Final = "secrets.json"
_LOCK: Final = "lock"
_ASK_AGAIN: Final = 0.2
_PORTS: Final = range(21_000, 32_000)
"""Below those that the system gives to whoever calls out, so that a part that is down still has its own."""

Tell = Callable[[str], None]
"""Hears the name of each step as it begins: store, groups, database."""


class Cluster:
    """One cluster's folder, held by nobody else meanwhile."""

    def __init__(self, folder: Path, as_whom: Account, machines: Machines, used: Programs) -> None:
        self.folder = folder
        self.machines = machines
        self._account = as_whom
        self._programs = used
        self._folders = (used.postgres, Path(used.etcd).resolve().parent)
        self._secrets = _secrets(folder)
        self._http = loopback(PATIENCE)

    def part(self, which: Member | Node) -> Part:
        return self.part_named(which.name)

    def rouse(self, which: Member | Node) -> None:
        """Let a part go on that is paused, or start it where it does not run."""
        if self.part(which).goes_on():
            return
        if isinstance(which, Member):
            self._spawn_member(which)
        else:
            self._spawn_node(which)

    def _spawn_member(self, member: Member) -> None:
        part = self._prepared(member)
        settings = store_settings(self.machines, member, part.folder / "own" / "data", None)
        self._lend(part.settings, as_yaml(settings))
        command = (self._programs.etcd, "--config-file", str(part.settings))
        self._spawn(part, command, {})

    def _spawn_node(self, node: Node) -> None:
        part = self._prepared(node)
        own = part.folder / "own"
        places = Places(own / "data", own / "passwords", part.folder / "floor.conf", self._programs.postgres)
        self._lend(part.folder / "floor.conf", postgres_floor())
        self._lend(part.settings, as_yaml(node_settings(self.machines, node, places, None)))
        command = (self._programs.python, "-I", "-m", "patroni", str(part.settings))
        self._spawn(part, command, secret_environment(self._secrets))

    def status(self) -> tuple[Status, ...]:
        members = [
            self._status(one, "", one.clients, member_says(one, self._http)) for one in self.machines.members
        ]
        nodes = [
            self._status(one, one.group, one.postgres, *node_says(one, self._http))
            for one in self.machines.nodes
        ]
        return (*members, *nodes)

    def urls(self) -> dict[str, str]:
        """Where clients find each group, by its name."""
        return {group.name: group.url(self._secrets[DATABASE]) for group in self.machines.groups}

    def named(self, name: str, group: str) -> tuple[Member | Node, ...]:
        """Those who are called so: a node, a member, all of a machine, or whoever leads the group."""
        every: tuple[Member | Node, ...] = (*self.machines.members, *self.machines.nodes)
        if name == LEADER:
            leads = {one.name for one in self.status() if one.group == group and one.state is State.LEADER}
            return tuple(one for one in every if one.name in leads)
        return tuple(one for one in every if name in (one.name, one.machine))

    def part_named(self, name: str) -> Part:
        return Part(self.folder / name, self._folders)

    def found(self, group: Group, database: str = DATABASE) -> str:
        """A database of a group, made where it is missing: its URL."""
        from ledger_sync.cluster.founding import found

        found(group, self._secrets["postgres"], self._secrets[DATABASE], database)
        return group.url(self._secrets[DATABASE], database=database)

    def _status(
        self, which: Member | Node, group: str, where: object, says: State, timeline: int | None = None
    ) -> Status:
        part = self.part(which)
        pid = part.pid
        state = State.STOPPED if pid is None else State.PAUSED if part.is_paused else says
        return Status(which.name, which.machine, group, state, str(where), pid, timeline)

    def _prepared(self, which: Member | Node) -> Part:
        """Its folder; and whatever a crash left running there without a word of it is ended."""
        part = self.part(which)
        part.folder.mkdir(mode=0o755, exist_ok=True)
        self._account.folder(part.folder / "own")
        part.kill()
        return part

    def _lend(self, path: Path, text: str) -> None:
        write(path, text)
        self._account.lend(path)

    def _spawn(self, part: Part, command: tuple[str, ...], extra: dict[str, str]) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        home = part.folder / "own"
        handed = self._account.command("env", "-C", str(home), *command)
        spawn(handed, part.folder, {**environment, "HOME": str(home), **extra})


def start(folder: Path, *, groups: int = 1, tell: Tell = lambda _: None) -> dict[str, str]:
    """Make the cluster if it is not there, start what does not run, and wait until all of it is whole. Gives each
    group's URL, by its name. `groups`: at least so many; what there is already stays.

    Raises ClusterError: ACCOUNT, PROGRAMS, FOLDER (before anything is begun), ENDED, NOT_READY.
    """
    as_whom = account()
    used = programs(as_whom)
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    if not as_whom.can_enter(folder):
        raise ClusterError(Trouble.FOLDER, folder=str(folder), account=as_whom.name)
    with alone(folder / _LOCK):
        known = _known(folder)
        machines = on_loopback(_free_ports(known), groups, known)
        write(folder / _PLAN, machines.to_json())
        write(folder / _PROGRAMS, used.to_json())
        cluster = Cluster(folder, as_whom, machines, used)
        tell("store")
        for member in machines.members:
            cluster.rouse(member)
        _await(cluster, _members_lacking)
        tell("groups")
        for node in machines.nodes:
            cluster.rouse(node)
        _await(cluster, lacking)
        tell("database")
        for group in machines.groups:
            cluster.found(group)
        return cluster.urls()


def status(folder: Path) -> tuple[Status, ...]:
    """Every part of the cluster; none where none was made."""
    cluster = _opened(folder)
    return () if cluster is None else cluster.status()


def urls(folder: Path) -> dict[str, str]:
    """Each group's URL, by its name; none where none was made."""
    cluster = _opened(folder)
    return {} if cluster is None else cluster.urls()


def database(folder: Path, name: str, *, group: str = "a") -> str:
    """URL of a further database of a group that runs, made where it is missing. ClusterError: NAME (no such group)."""
    cluster = _opened(folder)
    found = [] if cluster is None else [one for one in cluster.machines.groups if one.name == group]
    if cluster is None or not found:
        raise ClusterError(Trouble.NAME, name=group)
    with alone(cluster.folder / _LOCK):
        return cluster.found(found[0], name)


def kill(folder: Path, name: str, *, group: str = "a") -> tuple[str, ...]:
    """SIGKILL a node with its PostgreSQL, a member of the store, a whole machine, or whoever leads a group; which parts
    those were. ClusterError: NAME."""
    return _each(folder, name, group, lambda cluster, one: cluster.part(one).kill())


def pause(folder: Path, name: str, *, group: str = "a") -> tuple[str, ...]:
    """SIGSTOP the same, as a machine that hangs; `start` lets it go on. ClusterError: NAME."""
    return _each(folder, name, group, lambda cluster, one: cluster.part(one).signal(signal.SIGSTOP))


def rejoin(folder: Path, name: str, *, group: str = "a") -> tuple[str, ...]:
    """Start the same again, or let it go on, without waiting for it. ClusterError: NAME."""
    return _each(folder, name, group, Cluster.rouse)


def stop(folder: Path) -> None:
    """End all parts: asked first, and killed only if they do not go. The store ends last, as the nodes need it."""
    cluster = _opened(folder)
    if cluster is None:
        return
    with alone(cluster.folder / _LOCK):
        for which in (cluster.machines.nodes, cluster.machines.members):
            parts = [cluster.part(one) for one in which]
            until = time.monotonic() + END_SECONDS
            for part in parts:
                part.ask_to_end()
            for part in parts:
                part.ended(until)


def _each(
    folder: Path, name: str, group: str, what: Callable[[Cluster, Member | Node], object]
) -> tuple[str, ...]:
    cluster = _opened(folder)
    chosen = () if cluster is None else cluster.named(name, group)
    if cluster is None or not chosen:
        raise ClusterError(Trouble.NAME, name=name)
    with alone(cluster.folder / _LOCK):
        for one in chosen:
            what(cluster, one)
    return tuple(one.name for one in chosen)


def _await(cluster: Cluster, amiss: Callable[[tuple[Status, ...]], Status | None]) -> None:
    """Wait until nothing is amiss. ENDED if a part ends meanwhile, NOT_READY after READY_SECONDS."""
    until = time.monotonic() + READY_SECONDS
    while (one := amiss(cluster.status())) is not None:
        said = cluster.part_named(one.name).last_words()
        if one.state is State.STOPPED:
            raise ClusterError(Trouble.ENDED, name=one.name, said=said)
        if time.monotonic() > until:
            raise ClusterError(Trouble.NOT_READY, name=one.name, seconds=int(READY_SECONDS), said=said)
        time.sleep(_ASK_AGAIN)


def _members_lacking(found: tuple[Status, ...]) -> Status | None:
    return lacking([one for one in found if not one.group])


def _opened(folder: Path) -> Cluster | None:
    folder = folder.absolute()
    known = _known(folder)
    if known is None:
        return None
    used = Programs.from_json((folder / _PROGRAMS).read_text())
    return Cluster(folder, account(), known, used)


def _known(folder: Path) -> Machines | None:
    path = folder / _PLAN
    return Machines.from_json(path.read_text()) if path.exists() else None


def _secrets(folder: Path) -> dict[str, str]:
    """Passwords, made once; nobody else may read them."""
    path = folder / _SECRETS
    if not path.exists():
        write(path, json.dumps({name: secrets.token_urlsafe(24) for name in (*SECRETS, DATABASE)}))
    held: dict[str, str] = json.loads(path.read_text())
    return held


def _free_ports(known: Machines | None) -> Iterator[int]:
    """Ports that nobody listens at, from a random one on, without those that the cluster has."""
    taken = set() if known is None else known.ports
    first = secrets.randbelow(len(_PORTS))
    for port in (*_PORTS[first:], *_PORTS[:first]):
        if port in taken:
            continue
        with socket.socket() as tried:
            try:
                tried.bind((LOOPBACK, port))
            except OSError:
                continue
        yield port
