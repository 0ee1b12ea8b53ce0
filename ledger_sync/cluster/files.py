"""The files of a real installation: what each of three machines gets, as text, by its path from `deploy/cluster`.

Rule: nothing is written here that `configuration` does not say, but where things lie and who starts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from ledger_sync.cluster.configuration import (
    Certificates,
    Places,
    as_yaml,
    node_settings,
    postgres_floor,
    secret_environment,
    store_settings,
)
from ledger_sync.cluster.plan import on_machines

ETC: Final = PurePosixPath("/etc/qalta/cluster")
DATA: Final = PurePosixPath("/var/lib/qalta")
PROGRAMS: Final = DATA / "patroni" / "bin"
"""Where setup/cluster.sh puts Patroni and etcd, as root."""
POSTGRES: Final = PurePosixPath("/usr/lib/postgresql/15/bin")
"""Debian 12's."""
_UNKNOWN: Final = "CHANGE-ME"

_UNIT: Final = """\
# {what}
[Unit]
After=network-online.target
Wants=network-online.target

[Service]
User=postgres
Type={kind}
{environment}ExecStart={command}
KillMode={ends}
TimeoutStopSec=120
Restart=always
RestartSec=2
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""


def real_files(
    hosts: Sequence[str],
    groups: int,
    *,
    etc: PurePosixPath = ETC,
    data: PurePosixPath = DATA,
    postgres: PurePosixPath = POSTGRES,
) -> dict[str, str]:
    """For each machine its settings of etcd and of a Patroni a group, and what all have: floor, units, and an example
    of the file of passwords. `hosts`: the machines' addresses, three."""
    machines = on_machines(hosts, groups)
    certificates = Certificates(etc / "own.crt", etc / "own.key", etc / "ca.crt")
    made = {"floor.conf": postgres_floor(), "passwords.env.example": _passwords(), **_units(etc)}
    for member in machines.members:
        settings = store_settings(machines, member, data / "etcd", certificates)
        made[f"{member.machine}/etcd.yml"] = as_yaml(settings)
    for node in machines.nodes:
        home = data / node.group
        places = Places(home / "data", home / "passwords", etc / "floor.conf", postgres)
        settings = node_settings(machines, node, places, certificates)
        made[f"{node.machine}/{node.group}.yml"] = as_yaml(settings)
    return made


def _passwords() -> str:
    said = secret_environment(dict.fromkeys(("postgres", "replicator", "patroni"), _UNKNOWN))
    return "".join(f"{name}={value}\n" for name, value in said.items())


def _units(etc: PurePosixPath) -> dict[str, str]:
    return {
        "qalta-etcd.service": _UNIT.format(
            what="A machine's part of the store that says who leads.",
            kind="notify",
            environment="",
            command=f"{PROGRAMS}/etcd --config-file {etc}/etcd.yml",
            ends="control-group",
        ),
        "qalta-patroni@.service": _UNIT.format(
            what="A machine's PostgreSQL of one group (qalta-patroni@a). Patroni ends its PostgreSQL itself.",
            kind="simple",
            environment=f"EnvironmentFile={etc}/passwords.env\n",
            command=f"{PROGRAMS}/python -I -m patroni {etc}/%i.yml",
            ends="process",
        ),
    }
