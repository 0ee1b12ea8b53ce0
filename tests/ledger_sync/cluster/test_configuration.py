"""What etcd and Patroni are told: the rules that keep a commit, and the files that hold them."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.cluster.configuration import (
    Certificates,
    Places,
    as_yaml,
    node_settings,
    postgres_floor,
    secret_environment,
    store_settings,
)
from ledger_sync.cluster.plan import Machines, on_loopback, on_machines

HOSTS: Final = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
PLACES: Final = Places(
    *(PurePosixPath(f"/srv/{name}") for name in ("data", "passwords", "floor.conf", "bin"))
)
CERTIFICATES: Final = Certificates(
    *(PurePosixPath(f"/etc/tls/{name}") for name in ("own.crt", "own.key", "ca.crt"))
)
PASSWORDS: Final = {"postgres": "p-secret", "replicator": "r-secret", "patroni": "a-secret"}
REAL: Final = on_machines(HOSTS, 2)
HERE: Final = on_loopback(iter(range(21_000, 22_000)), 2)

everywhere = pytest.mark.parametrize(
    ("machines", "certificates"), [(HERE, None), (REAL, CERTIFICATES)], ids=["loopback", "real"]
)


def shared(machines: Machines, certificates: Certificates | None) -> Any:
    settings = node_settings(machines, machines.nodes[0], PLACES, certificates)
    return settings["bootstrap"]["dcs"]


@everywhere
def test_nothing_counts_that_one_machine_alone_has(
    machines: Machines, certificates: Certificates | None
) -> None:
    dcs = shared(machines, certificates)
    assert (dcs["synchronous_mode"], dcs["synchronous_mode_strict"]) == ("quorum", True)
    assert dcs["synchronous_node_count"] == 1
    assert dcs["postgresql"]["parameters"]["synchronous_commit"] == "on"
    assert postgres_floor() == "synchronous_standby_names = 'ANY 1 (*)'\n"
    for node in machines.nodes:
        settings = node_settings(machines, node, PLACES, certificates)
        assert settings["postgresql"]["custom_conf"] == str(PLACES.floor)
        assert (
            not {"synchronous_standby_names", "synchronous_commit"}
            & settings["postgresql"]["parameters"].keys()
        )


@everywhere
def test_no_time_out_is_on_the_way_of_a_commit(machines: Machines, certificates: Certificates | None) -> None:
    parameters = shared(machines, certificates)["postgresql"]["parameters"]
    timeouts = {name: value for name, value in parameters.items() if name.endswith(("timeout", "interval"))}
    assert len(timeouts) == 5
    assert set(timeouts.values()) == {0}


@everywhere
def test_patroni_takes_the_times_that_it_is_given(
    machines: Machines, certificates: Certificates | None
) -> None:
    """It changes ones that do not fit each other: ttl >= loop_wait + 2 * retry_timeout, at least 20 s, 1 s and 3 s."""
    dcs = shared(machines, certificates)
    assert dcs["ttl"] >= max(20, dcs["loop_wait"] + 2 * dcs["retry_timeout"])
    assert (dcs["loop_wait"] >= 1, dcs["retry_timeout"] >= 3) == (True, True)


@everywhere
def test_no_secret_is_in_a_file(machines: Machines, certificates: Certificates | None) -> None:
    environment = secret_environment(PASSWORDS)
    assert {name for name in environment if name.endswith("PASSWORD")} == {
        f"PATRONI_{role}_PASSWORD" for role in ("SUPERUSER", "REPLICATION", "RESTAPI")
    }
    told = [as_yaml(node_settings(machines, node, PLACES, certificates)) for node in machines.nodes]
    told += [as_yaml(store_settings(machines, one, PLACES.data, certificates)) for one in machines.members]
    assert not [
        secret for secret in PASSWORDS.values() for text in told if secret in text or "password:" in text
    ]


def test_beyond_one_machine_every_line_is_encrypted_and_both_ends_are_known() -> None:
    for node in REAL.nodes:
        settings = node_settings(REAL, node, PLACES, CERTIFICATES)
        assert all(line.startswith("hostssl ") for line in settings["postgresql"]["pg_hba"])
        assert all(
            line.endswith("scram-sha-256 clientcert=verify-ca") for line in settings["postgresql"]["pg_hba"]
        )
        assert settings["restapi"]["verify_client"] == "required"
        assert settings["etcd3"]["protocol"] == "https"
        for role in settings["postgresql"]["authentication"].values():
            assert role["sslmode"] == "verify-full"
    for member in REAL.members:
        settings = store_settings(REAL, member, PLACES.data, CERTIFICATES)
        assert not [name for name, value in settings.items() if "http://" in str(value)]
        for way in ("client-transport-security", "peer-transport-security"):
            assert settings[way]["client-cert-auth"] is True


def test_on_loopback_nobody_outside_is_listened_to() -> None:
    told = [as_yaml(store_settings(HERE, member, PLACES.data, None)) for member in HERE.members]
    told += [as_yaml(node_settings(HERE, node, PLACES, None)) for node in HERE.nodes]
    assert not [text for text in told if "0.0.0.0" in text or "hostssl" in text]
    assert len(HERE.ports) == 2 * len(HERE.members) + 2 * len(HERE.nodes)


def test_groups_are_added_and_what_is_there_keeps_its_place() -> None:
    one = on_loopback(iter(range(21_000, 22_000)), 1)
    three = on_loopback(iter(range(22_000, 23_000)), 3, one)
    assert (three.members, three.groups[:1]) == (one.members, one.groups)
    assert [group.name for group in three.groups] == ["a", "b", "c"]
    assert on_loopback(iter(()), 1, three) == three
    assert Machines.from_json(three.to_json()) == three


def test_a_client_is_told_of_all_nodes_and_takes_the_one_that_takes_writes() -> None:
    url = REAL.groups[1].url("pass/word")
    assert url.startswith(
        "postgresql://qalta:pass%2Fword@192.0.2.11:5433,192.0.2.12:5433,192.0.2.13:5433/qalta?"
    )
    assert "target_session_attrs=read-write" in url


SCALARS: Final = st.none() | st.booleans() | st.integers(0, 99) | st.text(max_size=8)
KEYS: Final = st.text("abc-", min_size=1, max_size=4).filter(lambda name: not name.startswith("-"))
SETTINGS: Final = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda held: (
            st.lists(held.filter(lambda one: not isinstance(one, list)), max_size=3)
            | st.dictionaries(KEYS, held, min_size=1, max_size=3)
        ),
        max_leaves=8,
    ),
    min_size=1,
    max_size=3,
)


def lines_to_value(lines: list[str]) -> Any:
    """A reader of just that YAML: mappings, lists and JSON scalars, two spaces a level."""
    if not lines[0].startswith("- "):
        held: dict[str, Any] = {}
        for head, body in blocks(lines):
            name, _, rest = head.partition(":")
            held[name] = json.loads(rest) if rest else lines_to_value([line[2:] for line in body])
        return held
    return [item_to_value(head[2:], body) for head, body in blocks(lines)]


def item_to_value(first: str, others: list[str]) -> Any:
    is_mapping = ":" in first.partition('"')[0]
    return lines_to_value([first, *(line[2:] for line in others)]) if is_mapping else json.loads(first)


def blocks(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Each line of the first level with those that belong to it."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("  "):
            found[-1][1].append(line)
        else:
            found.append((line, []))
    return found


@given(SETTINGS)
def test_settings_are_written_so_that_they_read_back_the_same(settings: dict[str, Any]) -> None:
    assert lines_to_value(as_yaml(settings).splitlines()) == settings
