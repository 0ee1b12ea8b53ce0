"""deploy/cluster and docs/cluster.md say what the code does: the files are made of its settings, the page's commands
exist, and what it names is there.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from app.catalogue import catalogue
from app.cli.parser import build_parser
from ledger_sync.cluster.files import real_files
from tools.cluster import EXAMPLE, PLACE, write

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = (ROOT / "docs" / "cluster.md").read_text("utf-8")


def below(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_files_of_a_real_installation_are_those_of_the_code() -> None:
    assert below(PLACE) == real_files(EXAMPLE, 1), "python -m tools.cluster makes them anew"


def test_for_other_machines_they_are_made_by_the_same_command(tmp_path: Path) -> None:
    hosts = ("10.1.0.1", "10.1.0.2", "10.1.0.3")
    write(tmp_path, hosts, 2)
    made = below(tmp_path)
    assert set(made) == {
        *("floor.conf", "passwords.env.example", "qalta-etcd.service", "qalta-patroni@.service"),
        *(f"machine{n}/{name}.yml" for n in (1, 2, 3) for name in ("etcd", "a", "b")),
    }
    for number, host in enumerate(hosts, 1):
        assert f'connect_address: "{host}:5433"' in made[f"machine{number}/b.yml"]


def test_the_page_names_every_file() -> None:
    names = {PurePosixPath(name).name for name in real_files(EXAMPLE, 1)}
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


COMMANDS: Final = sorted(set(re.findall(r"\./run (cluster [a-z]+[^`\n#]*?)\s*(?:#.*)?$", PAGE, re.M)))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_pages_commands_are_understood(command: str) -> None:
    assert build_parser(catalogue("en")).parse_args(command.split()).run


def test_the_page_has_commands_to_check() -> None:
    said = {command.split()[1] for command in COMMANDS}
    assert said >= {"start", "status", "kill", "pause", "rejoin", "stop"}
