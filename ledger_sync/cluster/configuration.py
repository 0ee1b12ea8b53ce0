"""What etcd and Patroni are told: the one source of the files of a real installation and of the cluster on loopback.

Rules that the settings keep:

* Nothing is acknowledged that one machine alone has: quorum commits, strict, and `synchronous_commit` on for all.
* No time-out and no cancellation on the way of a commit: PostgreSQL answers a cancelled wait for the quorum with
  success and a warning, and the row is there. So every time-out of a statement, a lock or an idle transaction is 0.
* A leader that fails is replaced, not waited for; whoever lost the lead is rewound, not trusted.
* Secrets stand in no file of these: Patroni takes names and passwords from its environment (`secret_environment`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from ledger_sync.cluster.plan import LOOPBACK, Machines, Member, Node

TTL: Final = 20
"""Seconds after which a leader that says nothing has lost the lead; the least that Patroni takes, and so about how long
writes stand still when a leader is gone."""
LOOP: Final = 2
RETRY: Final = 5
SUPERUSER: Final = "postgres"
REPLICATION: Final = "replicator"
_NEVER: Final = 0
_SECRETS: Final = {"SUPERUSER": SUPERUSER, "REPLICATION": REPLICATION, "RESTAPI": "patroni"}

Settings = Mapping[str, Any]

PARAMETERS: Final[Settings] = {
    "synchronous_commit": "on",
    "wal_log_hints": "on",
    "max_connections": 100,
    "max_prepared_transactions": 0,
    "password_encryption": "scram-sha-256",
    "statement_timeout": _NEVER,
    "lock_timeout": _NEVER,
    "idle_in_transaction_session_timeout": _NEVER,
    "idle_session_timeout": _NEVER,
    "client_connection_check_interval": _NEVER,
}
"""Of PostgreSQL itself, on every node of a group."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """A machine's certificate with its key, and who signed all of them. Each role speaks to each other with it."""

    certificate: PurePath
    key: PurePath
    authority: PurePath


@dataclass(frozen=True, slots=True)
class Places:
    """Where a node keeps things and finds its `floor` (`postgres_floor`), and where PostgreSQL's programs are."""

    data: PurePath
    passwords: PurePath
    floor: PurePath
    programs: PurePath


def store_settings(
    machines: Machines, member: Member, data: PurePath, certificates: Certificates | None
) -> Settings:
    """etcd's configuration file. Data that is there already makes it ignore what is `initial`."""
    scheme = "http" if certificates is None else "https"
    clients, peers = f"{scheme}://{member.clients}", f"{scheme}://{member.peers}"
    settings = {
        "name": member.name,
        "data-dir": str(data),
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": ",".join(f"{one.name}={scheme}://{one.peers}" for one in machines.members),
        "initial-cluster-state": "new",
        "initial-cluster-token": "qalta",
        "heartbeat-interval": 200,
        "election-timeout": 2000,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "strict-reconfig-check": True,
        "enable-v2": False,
        "enable-grpc-gateway": True,  # off by default in a file, on without one (3.4); Patroni speaks to it
        "log-level": "warn",
    }
    if certificates is not None:
        secured = {
            "cert-file": str(certificates.certificate),
            "key-file": str(certificates.key),
            "trusted-ca-file": str(certificates.authority),
            "client-cert-auth": True,
        }
        settings |= {"client-transport-security": secured, "peer-transport-security": secured}
    return settings


def node_settings(
    machines: Machines, node: Node, places: Places, certificates: Certificates | None
) -> Settings:
    """Patroni's configuration file, without names and passwords."""
    return {
        "scope": f"qalta-{node.group}",
        "name": node.name,
        "log": {"level": "INFO"},
        "restapi": {
            "listen": str(node.api),
            "connect_address": str(node.api),
            **_served_by(certificates),
        },
        "ctl": _asked_by(certificates),
        "etcd3": {
            "hosts": [str(one.clients) for one in machines.members],
            **_reached_by(certificates),
        },
        "bootstrap": {
            "dcs": _shared_settings(),
            "initdb": [
                "data-checksums",
                {"encoding": "UTF8"},
                {"locale": "C.UTF-8"},
                {"auth-host": "scram-sha-256"},
            ],
        },
        "postgresql": {
            "listen": str(node.postgres),
            "connect_address": str(node.postgres),
            "data_dir": str(places.data),
            "bin_dir": str(places.programs),
            "pgpass": str(places.passwords),
            "custom_conf": str(places.floor),
            "authentication": {role: _trusts(certificates) for role in ("superuser", "replication")},
            "parameters": {"unix_socket_directories": "", **_server_tls(certificates)},
            "pg_hba": _who_may(certificates),
        },
        "watchdog": {"mode": "off" if certificates is None else "automatic"},
    }


def postgres_floor() -> str:
    """What PostgreSQL goes by wherever Patroni sets nothing: a file that `postgresql.conf` includes first.

    Patroni 4.1.5 takes `synchronous_standby_names` away from a leader that lost both others and starts again, strict or
    not, and then every commit is acknowledged by that one machine alone
    (findings/patroni_strict_quorum_lets_a_restarted_lone_leader_acknowledge_alone.sh).
    """
    return "synchronous_standby_names = 'ANY 1 (*)'\n"


def secret_environment(passwords: Mapping[str, str]) -> dict[str, str]:
    """Patroni's own variables for what no file may hold. `passwords` by the names of `SECRETS`."""
    said = {f"PATRONI_{role}_USERNAME": name for role, name in _SECRETS.items()}
    return said | {f"PATRONI_{role}_PASSWORD": passwords[name] for role, name in _SECRETS.items()}


SECRETS: Final = tuple(_SECRETS.values())
"""Who has a password: PostgreSQL's superuser, its replicas, and whoever commands Patroni."""


def _shared_settings() -> Settings:
    """What holds for the whole group, kept in the store: `patronictl edit-config` changes it later."""
    return {
        "ttl": TTL,
        "loop_wait": LOOP,
        "retry_timeout": RETRY,
        "synchronous_mode": "quorum",
        "synchronous_mode_strict": True,
        "synchronous_node_count": 1,
        "primary_start_timeout": 0,
        "primary_stop_timeout": 10,
        "check_timeline": True,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": PARAMETERS,
        },
    }


def _who_may(certificates: Certificates | None) -> list[str]:
    """pg_hba: by password, and beyond one machine by a certificate of the same authority besides."""
    if certificates is None:
        how, address, needs = "host", f"{LOOPBACK}/32", "scram-sha-256"
    else:
        how, address, needs = "hostssl", "all", "scram-sha-256 clientcert=verify-ca"
    return [f"{how} {what} {address} {needs}" for what in ("all all", f"replication {REPLICATION}")]


def _served_by(certificates: Certificates | None) -> Settings:
    if certificates is None:
        return {}
    return {
        "certfile": str(certificates.certificate),
        "keyfile": str(certificates.key),
        "cafile": str(certificates.authority),
        "verify_client": "required",
    }


def _asked_by(certificates: Certificates | None) -> Settings:
    if certificates is None:
        return {}
    return {
        "certfile": str(certificates.certificate),
        "keyfile": str(certificates.key),
        "cacert": str(certificates.authority),
    }


def _reached_by(certificates: Certificates | None) -> Settings:
    if certificates is None:
        return {"protocol": "http"}
    return {
        "protocol": "https",
        "cert": str(certificates.certificate),
        "key": str(certificates.key),
        "cacert": str(certificates.authority),
    }


def _trusts(certificates: Certificates | None) -> Settings:
    if certificates is None:
        return {"sslmode": "disable"}
    return {
        "sslmode": "verify-full",
        "sslcert": str(certificates.certificate),
        "sslkey": str(certificates.key),
        "sslrootcert": str(certificates.authority),
    }


def _server_tls(certificates: Certificates | None) -> Settings:
    if certificates is None:
        return {"ssl": "off"}
    return {
        "ssl": "on",
        "ssl_cert_file": str(certificates.certificate),
        "ssl_key_file": str(certificates.key),
        "ssl_ca_file": str(certificates.authority),
        "ssl_min_protocol_version": "TLSv1.3",
    }


def as_yaml(settings: Settings) -> str:
    """The settings as YAML, in their order: what people read and change. Every scalar is written as in JSON, which YAML
    contains."""
    return "".join(f"{line}\n" for line in _lines(settings))


def _lines(value: Settings | Sequence[Any]) -> list[str]:
    if isinstance(value, Mapping):
        return [line for name, held in value.items() for line in _entry(f"{name}:", held)]
    return [line for held in value for line in _item(held)]


def _entry(name: str, held: Any) -> list[str]:
    if not isinstance(held, (Mapping, list, tuple)) or not held:
        return [f"{name} {json.dumps(held)}"]
    return [name, *(f"  {line}" for line in _lines(held))]


def _item(held: Any) -> list[str]:
    if not isinstance(held, Mapping):
        return [f"- {json.dumps(held)}"]
    first, *others = _lines(held)
    return [f"- {first}", *(f"  {line}" for line in others)]
