"""What a storm does, one thing after the other, chosen by chance: each with its name and how it is undone.

Rule: what is chosen follows from the seed and from what there is, not from how things went, so that a seed repeats the
list. What lasts is undone some disturbances later.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.ledger_sync.storm import jumping
from tests.ledger_sync.storm.stage import CENTRAL_BANK, NAMES, Stage
from tests.ledger_sync.storm.stores import OneServer, ThreeServers

JUMPS: Final = (-3 * 86_400, -5 * 3_600, -1_000, 1_000, 5 * 3_600, 30 * 3_600, 5 * 86_400)
"""Seconds."""
_WITH_WORKERS: Final = tuple(name for name in NAMES if name != CENTRAL_BANK)


def _nothing() -> None:
    """It is over already."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """``begin`` does it; ``end`` undoes it."""

    name: str
    begin: Callable[[], object]
    end: Callable[[], object] = _nothing

    @property
    def lasts(self) -> bool:
        return self.end is not _nothing


def chosen(stage: Stage, chance: Random) -> Disturbance:
    """The next one."""
    kinds = [_worker_killed, _worker_paused, _service_killed, _service_ended, _service_paused]
    kinds += [_line_cut, _line_held, _call_cut, _connections_ended, _clock_jumps]
    if isinstance(stage.stores, OneServer):
        kinds += [_commit_cut, _commit_cut, _server_killed, _server_restarted, _server_paused]
    else:
        kinds += [_leader_killed, _leader_killed, _leader_paused]
    return chance.choice(kinds)(stage, chance)


# processes


def _worker_killed(stage: Stage, chance: Random) -> Disturbance:
    name, which = chance.choice(_WITH_WORKERS), chance.randrange(2)
    return Disturbance(
        f"worker {which + 1} of {name} is killed",
        lambda: stage.send(stage.workers(name)[which : which + 1], signal.SIGKILL),
    )


def _worker_paused(stage: Stage, chance: Random) -> Disturbance:
    name, which = chance.choice(_WITH_WORKERS), chance.randrange(2)
    return Disturbance(
        f"worker {which + 1} of {name} hangs",
        lambda: stage.send(stage.workers(name)[which : which + 1], signal.SIGSTOP),
        lambda: stage.send(stage.workers(name), signal.SIGCONT),
    )


def _service_killed(stage: Stage, chance: Random) -> Disturbance:
    name, is_whole = chance.choice(NAMES), chance.random() < 0.5
    return Disturbance(
        f"{name} is killed, {'all at once' if is_whole else 'its supervisor alone'}",
        lambda: stage.down(name, signal.SIGKILL, all_at_once=is_whole),
        lambda: stage.up(name),
    )


def _service_ended(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    return Disturbance(
        f"{name} is ended in order",
        lambda: stage.down(name, signal.SIGTERM, all_at_once=False),
        lambda: stage.up(name),
    )


def _service_paused(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    return Disturbance(
        f"{name} hangs",
        lambda: stage.send(stage.processes(name), signal.SIGSTOP),
        lambda: stage.send(stage.processes(name), signal.SIGCONT),
    )


# lines


def _line_cut(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    return Disturbance(f"all lines to {name} are cut", lambda: stage.lines[name].cut())


def _line_held(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    return Disturbance(
        f"lines to {name} carry nothing", stage.lines[name].hold, lambda: stage.lines[name].release()
    )


def _call_cut(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    if chance.random() < 0.5:
        return Disturbance(f"a call to {name} is lost", lambda: stage.lines[name].arm("before"))
    return Disturbance(f"an answer of {name} is lost", lambda: stage.lines[name].arm("after"))


def _commit_cut(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    if chance.random() < 0.5:
        return Disturbance(f"a commit of {name} is lost", lambda: stage.stores.lines[name].arm("before"))
    return Disturbance(
        f"the end of a commit of {name} is lost", lambda: stage.stores.lines[name].arm("after")
    )


def _connections_ended(stage: Stage, chance: Random) -> Disturbance:
    name = chance.choice(NAMES)
    return Disturbance(
        f"PostgreSQL ends the connections of {name}", lambda: stage.stores.end_connections(name)
    )


# clocks


def _clock_jumps(stage: Stage, chance: Random) -> Disturbance:
    name, seconds = chance.choice(NAMES), chance.choice(JUMPS)
    folder = stage.folder(name)
    return Disturbance(
        f"the clock of {name} jumps by {seconds} s",
        lambda: jumping.jump(folder, seconds),
        lambda: jumping.jump(folder, 0),
    )


# PostgreSQL


def _one(stage: Stage) -> OneServer:
    assert isinstance(stage.stores, OneServer)
    return stage.stores


def _three(stage: Stage) -> ThreeServers:
    assert isinstance(stage.stores, ThreeServers)
    return stage.stores


def _server_killed(stage: Stage, chance: Random) -> Disturbance:
    return Disturbance("PostgreSQL is killed", _one(stage).server.kill, _one(stage).mend)


def _server_restarted(stage: Stage, chance: Random) -> Disturbance:
    return Disturbance("PostgreSQL is ended in order", _one(stage).stop, _one(stage).mend)


def _server_paused(stage: Stage, chance: Random) -> Disturbance:
    return Disturbance("PostgreSQL hangs", _one(stage).pause, _one(stage).server.resume)


def _leader_killed(stage: Stage, chance: Random) -> Disturbance:
    machine = chance.random() < 0.5
    return Disturbance(
        f"the quorum's leader is killed{', its machine with it' if machine else ''}",
        lambda: _three(stage).kill_leader(machine=machine),
        _three(stage).mend,
    )


def _leader_paused(stage: Stage, chance: Random) -> Disturbance:
    return Disturbance("the quorum's leader hangs", _three(stage).pause_leader, _three(stage).mend)
