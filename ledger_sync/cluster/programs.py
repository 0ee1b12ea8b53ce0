"""The programs that a cluster is made of, and where set-up puts them.

Rule: what is missing is named before anything is begun.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from ledger_sync.cluster.account import Account
from ledger_sync.cluster.trouble import ClusterError, Trouble

_POSTGRES_HOMES: Final = Path("/usr/lib/postgresql")
"""Where Debian keeps PostgreSQL, a folder a version."""
_OLDEST: Final = 15
_HAS_PATRONI: Final = "import patroni.__main__, psycopg"


@dataclass(frozen=True, slots=True)
class Programs:
    """`python`: one that has Patroni, and that the account can run; `postgres`: the folder of PostgreSQL's programs."""

    python: str
    postgres: Path
    etcd: str

    def to_json(self) -> str:
        return json.dumps({"python": self.python, "postgres": str(self.postgres), "etcd": self.etcd})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """ValueError, KeyError or TypeError where it is damaged."""
        held = json.loads(text)
        return cls(held["python"], Path(held["postgres"]), held["etcd"])


def programs(account: Account) -> Programs:
    """ClusterError: PROGRAMS, with the names of all that are missing."""
    python, postgres, etcd = _python(account), postgres_programs(), _etcd(account)
    looked_for = {
        "patroni": python,
        "postgresql": postgres,
        "etcd-server": etcd,
        "psycopg": find_spec("psycopg"),
    }
    missing = [name for name, found in looked_for.items() if found is None]
    if python is None or postgres is None or etcd is None or missing:
        raise ClusterError(Trouble.PROGRAMS, names=", ".join(missing))
    return Programs(python, postgres, etcd)


def patroni_home(account: Account) -> Path:
    """Where `./run cluster` (setup/cluster.sh) puts Patroni: root's for all accounts, else the person's own."""
    return (
        Path("/var/lib/qalta/patroni") if account.is_handed else Path.home() / ".cache" / "qalta" / "patroni"
    )


def _etcd(account: Account) -> str | None:
    """Set-up's, else the one that is found by name."""
    own = patroni_home(account) / "bin" / "etcd"
    return str(own) if own.exists() else shutil.which("etcd")


def _python(account: Account) -> str | None:
    """Set-up's, else the one that runs this, if Patroni was installed beside it (the extra `cluster`)."""
    candidates = (str(patroni_home(account) / "bin" / "python"), sys.executable)
    return next((each for each in candidates if _has_patroni(account, each)), None)


def _has_patroni(account: Account, python: str) -> bool:
    command = account.command(python, "-I", "-c", _HAS_PATRONI)
    try:
        return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0
    except OSError:
        return False


def postgres_programs() -> Path | None:
    """The newest of those that are installed, else the one that is found by name."""
    versions = sorted(
        (int(each.name) for each in _POSTGRES_HOMES.glob("*") if each.name.isdecimal()), reverse=True
    )
    for version in versions:
        folder = _POSTGRES_HOMES / str(version) / "bin"
        if version >= _OLDEST and (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    return None if found is None else Path(found).resolve().parent
