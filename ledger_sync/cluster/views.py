"""How a cluster is: what each process says of itself.

Rule: a node is asked itself, over loopback, and needs no store to answer; whoever says nothing is not taken for well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

from ledger_sync.cluster.plan import Member, Node

PATIENCE: Final = 2.0
"""Seconds for which a process may be silent that is asked how it is."""


class State(StrEnum):
    """How one process is."""

    LEADER = "leader"
    """Takes writes of its group."""
    QUORUM = "quorum"
    """Follows the leader, and its word counts for a commit."""
    FOLLOWER = "follower"
    """Follows, and does not count yet."""
    WELL = "well"
    """A member of the store that answers, with a quorum behind it."""
    STARTING = "starting"
    """Runs, and does not do its work: not yet, or not any more."""
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """One process: a node of a group (with its PostgreSQL), or where `group` is empty a member of the store."""

    name: str
    machine: str
    group: str
    state: State
    address: str
    pid: int | None
    timeline: int | None = None


def node_says(node: Node, http: httpx.Client) -> tuple[State, int | None]:
    """A node's state and its timeline, which rises by one with every new leader."""
    try:
        said = http.get(f"http://{node.api}/patroni").json()
        timeline = said.get("timeline")
        if said.get("state") != "running":
            return State.STARTING, timeline
        if said.get("role") in ("primary", "master"):
            return State.LEADER, timeline
        if said.get("replication_state") != "streaming":
            return State.STARTING, timeline
        return State.QUORUM if said.get("quorum_standby") else State.FOLLOWER, timeline
    except (httpx.HTTPError, ValueError, AttributeError):
        return State.STARTING, None


def member_says(member: Member, http: httpx.Client) -> State:
    """Whether a member of the store answers for the store."""
    try:
        said = http.get(f"http://{member.clients}/health").json()
        return State.WELL if said.get("health") in (True, "true") else State.STARTING
    except (httpx.HTTPError, ValueError, AttributeError):
        return State.STARTING


def lacking(found: Sequence[Status]) -> Status | None:
    """The first part that keeps a cluster from being whole: a leader and two whose word counts in every group, and
    every member of the store."""
    groups = {status.group for status in found}
    for group in sorted(groups):
        parts = [status for status in found if status.group == group]
        wanted = {State.WELL} if not group else {State.LEADER, State.QUORUM}
        amiss = [status for status in parts if status.state not in wanted]
        if amiss:
            return amiss[0]
        if group and sum(status.state is State.LEADER for status in parts) != 1:
            return parts[0]
    return None
