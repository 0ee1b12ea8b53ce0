"""Who there is: three machines, on each a member of the store (etcd) and a node of every group.

Rule: a node's name says its group and machine (`b3`), so that whoever reads a log or a status needs no table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from string import ascii_lowercase
from typing import Final, Self
from urllib.parse import quote

LOOPBACK: Final = "127.0.0.1"
MACHINES: Final = 3
MOST_GROUPS: Final = len(ascii_lowercase)
DATABASE: Final = "qalta"
"""The database of every group, and the role that owns it."""
_ETCD_CLIENTS, _ETCD_PEERS, _POSTGRES, _API = 2379, 2380, 5432, 8008


@dataclass(frozen=True, slots=True)
class Address:
    """`host:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Member:
    """One machine's part of the store: where its peers and where its clients find it."""

    name: str
    machine: str
    peers: Address
    clients: Address


@dataclass(frozen=True, slots=True)
class Node:
    """One machine's PostgreSQL of a group, with its Patroni: where SQL is spoken, and Patroni's own HTTP."""

    name: str
    machine: str
    group: str
    postgres: Address
    api: Address


@dataclass(frozen=True, slots=True)
class Group:
    """Three nodes with one history, of which one leads."""

    name: str
    nodes: tuple[Node, ...]

    def url(self, password: str, *, user: str = DATABASE, database: str = DATABASE, options: str = "") -> str:
        """Where a client finds whichever node leads: libpq tries all hosts and keeps the one that takes writes."""
        hosts = ",".join(str(node.postgres) for node in self.nodes)
        return (
            f"postgresql://{_coded(user)}:{_coded(password)}@{hosts}/{_coded(database)}"
            f"?target_session_attrs=read-write&connect_timeout=3{options}"
        )


@dataclass(frozen=True, slots=True)
class Machines:
    """The whole cluster: one store, any number of groups."""

    members: tuple[Member, ...]
    groups: tuple[Group, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the machines."""
        return tuple(member.machine for member in self.members)

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for group in self.groups for node in group.nodes)

    @property
    def ports(self) -> frozenset[int]:
        """All that are in use."""
        of_members = (where.port for one in self.members for where in (one.peers, one.clients))
        return frozenset(
            (*of_members, *(where.port for one in self.nodes for where in (one.postgres, one.api)))
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """ValueError, KeyError or TypeError where it is damaged."""
        held = json.loads(text)
        members = tuple(
            Member(**{**one, "peers": Address(**one["peers"]), "clients": Address(**one["clients"])})
            for one in held["members"]
        )
        groups = tuple(Group(one["name"], tuple(map(_node, one["nodes"]))) for one in held["groups"])
        return cls(members, groups)


def _coded(part: str) -> str:
    """A part of a URL, with nothing in it that would end it."""
    return quote(part, safe="")


def _node(held: dict[str, object]) -> Node:
    postgres, api = held["postgres"], held["api"]
    if not isinstance(postgres, dict) or not isinstance(api, dict):
        raise TypeError("a node has two addresses")
    fields = {**held, "postgres": Address(**postgres), "api": Address(**api)}
    return Node(**fields)  # type: ignore[arg-type]


def on_machines(hosts: Sequence[str], groups: int) -> Machines:
    """A real installation: a machine a host, everything on its usual port; each further group one port higher."""
    members = tuple(
        Member(f"etcd{n}", f"machine{n}", Address(host, _ETCD_PEERS), Address(host, _ETCD_CLIENTS))
        for n, host in enumerate(hosts, 1)
    )
    made = tuple(
        Group(
            name,
            tuple(
                Node(
                    f"{name}{n}",
                    f"machine{n}",
                    name,
                    Address(host, _POSTGRES + place),
                    Address(host, _API + place),
                )
                for n, host in enumerate(hosts, 1)
            ),
        )
        for place, name in enumerate(ascii_lowercase[:groups])
    )
    return Machines(members, made)


def on_loopback(ports: Iterator[int], groups: int, known: Machines | None = None) -> Machines:
    """All of it on this machine, at free ports. What is `known` keeps its places; groups that it lacks are added."""
    numbers = range(1, MACHINES + 1)
    members = (
        tuple(Member(f"etcd{n}", f"machine{n}", _here(ports), _here(ports)) for n in numbers)
        if known is None
        else known.members
    )
    old = () if known is None else known.groups
    added = tuple(
        Group(
            name, tuple(Node(f"{name}{n}", f"machine{n}", name, _here(ports), _here(ports)) for n in numbers)
        )
        for name in ascii_lowercase[len(old) : groups]
    )
    return Machines(members, old + added)


def _here(ports: Iterator[int]) -> Address:
    return Address(LOOPBACK, next(ports))
