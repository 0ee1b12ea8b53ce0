"""A cluster of the tests' own on loopback, for tests that do it harm: ./test --all, as a start takes most of a minute.

It ends with its last user, also one that is killed: `python -m tests.support.cluster FOLDER HOLD` waits for the lock
that the kernel takes from a dead process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from ledger_sync import cluster
from ledger_sync.cluster import State, Status
from tests.support.eventually import eventually

ROOT: Final = Path(__file__).parents[2]
LOST: Final = (State.PAUSED, State.STOPPED)


@dataclass(frozen=True, slots=True)
class Hurt:
    """A cluster in `folder` that a test may break; `whole` mends it."""

    folder: Path

    def whole(self, groups: int = 1) -> dict[str, str]:
        """All parts run and count; each group's URL."""
        return cluster.start(self.folder, groups=groups)

    @property
    def url(self) -> str:
        return cluster.urls(self.folder)["a"]

    def nodes(self) -> dict[str, Status]:
        return {one.name: one for one in cluster.status(self.folder) if one.group == "a"}

    def leader(self) -> str:
        """The name of the one that leads."""
        (name,) = [name for name, one in self.nodes().items() if one.state is State.LEADER]
        return name

    def others(self) -> list[str]:
        leader = self.leader()
        return [name for name in self.nodes() if name != leader]

    def kill(self, name: str) -> None:
        cluster.kill(self.folder, name)

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, autocommit=True, **more)

    def next_leader(self, after: str) -> str:
        """Whoever leads once `after` does not, waited for. AssertionError where nobody can, or nobody ever does."""

        def leading() -> list[str]:
            nodes = self.nodes()
            assert any(one.state not in LOST for one in nodes.values()), "nobody is left"
            return [name for name, one in nodes.items() if one.state is State.LEADER and name != after]

        return eventually(leading, bool)[0]


@contextmanager
def own_cluster() -> Iterator[Hurt]:
    """A whole cluster for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="qalta-cluster-", dir="/tmp" if os.geteuid() == 0 else None))
    folder.chmod(0o755)
    hold = folder / "hold"
    with open(hold, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        silent = subprocess.DEVNULL
        janitor = [sys.executable, "-m", "tests.support.cluster", str(folder), str(hold)]
        subprocess.Popen(
            janitor, cwd=ROOT, stdin=silent, stdout=silent, stderr=silent, start_new_session=True
        )
        hurt = Hurt(folder)
        hurt.whole()
        yield hurt


def end_all(folder: Path) -> None:
    """Kill every part of a cluster and remove its folder."""
    for machine in {one.machine for one in cluster.status(folder)}:
        cluster.kill(folder, machine)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    with open(sys.argv[2]) as waited_for:
        fcntl.flock(waited_for, fcntl.LOCK_EX)
        end_all(Path(sys.argv[1]))
