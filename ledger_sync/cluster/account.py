"""As whom the cluster runs: PostgreSQL refuses to run as root, and root has no need to run any of it.

Rule: who is not root runs all of it as themselves. Root hands it to an account that owns the data and nothing else:
programs, settings and logs stay root's, so that nothing that the account can change is read or written by root.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_sync.cluster.trouble import ClusterError, Trouble

_OTHERS: Final = ("postgres", "nobody")
"""The account that PostgreSQL's own package makes comes first."""


@dataclass(frozen=True, slots=True)
class Account:
    """`is_handed`: root starts things in its name."""

    name: str
    uid: int
    gid: int
    is_handed: bool

    def command(self, *words: str) -> tuple[str, ...]:
        """The same command as it is started by us, in this account's name. It keeps the pid."""
        if not self.is_handed:
            return words
        return (
            "setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--init-groups",
            "--no-new-privs",
            "--",
            *words,
        )

    def folder(self, path: Path) -> Path:
        """A folder that the account owns, and nobody else enters."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.is_handed:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return path

    def lend(self, path: Path) -> None:
        """Let the account read a file of ours."""
        if self.is_handed:
            os.chown(path, 0, self.gid)
            path.chmod(0o640)

    def can_enter(self, path: Path) -> bool:
        """Whether the account gets into a folder."""
        done = subprocess.run(self.command("test", "-x", str(path)), capture_output=True, check=False)
        return done.returncode == 0


def usual_folder(home: Path) -> Path:
    """Where the cluster of a home lies: in it, but root's where the other account can enter."""
    if os.geteuid() != 0:
        return home / "cluster"
    name = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:12]
    return Path("/var/lib/qalta") / f"cluster-{name}"


def account() -> Account:
    """Whoever calls, or where that is root, an account that is not. ClusterError: ACCOUNT."""
    uid = os.geteuid()
    if uid != 0:
        return Account(pwd.getpwuid(uid).pw_name, uid, os.getegid(), False)
    for name in _OTHERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid, True)
    raise ClusterError(Trouble.ACCOUNT, names=", ".join(_OTHERS))
