"""docs/banks.md is true: its programs run, its settings are a node's, its table of calls is the node's own."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_sync import sandbox
from ledger_sync.bank import program
from ledger_sync.sandbox import Network
from tests.support import stations
from tests.support.pages import ROOT, page
from tests.support.vectors import frozen
from tools import calls
from tools.drawn import drawn_in

PAGE = page("banks.md")
Run = Callable[..., subprocess.CompletedProcess[str]]
VERIFY, OPERATE = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(program_text: str, *words: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "program.py"
        script.write_text(program_text, "utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        command = [sys.executable, str(script), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def files(tmp_path: Path, which: str, name: str) -> list[str]:
    """Root key, directory and payment of a vector, as the program takes them."""
    vector = dict(frozen(which))[name]
    for part in ("directory", "hex"):
        (tmp_path / part).write_bytes(bytes.fromhex(vector[part]))
    return [vector["root"], str(tmp_path / "directory"), str(tmp_path / "hex")]


def test_verifying_says_who_gets_what(tmp_path: Path, run: Run) -> None:
    done = run(VERIFY, *files(tmp_path, "valid", "payment-15-hops"))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"0[23][0-9a-f]{64} gets \d+ tiyn at hop 15\n", done.stdout)


def test_verifying_refuses_with_the_code(tmp_path: Path, run: Run) -> None:
    name = next(name for name, _ in frozen("invalid") if name.startswith("transfer-signature"))
    done = run(VERIFY, *files(tmp_path, "invalid", name))
    assert done.returncode == 1
    assert done.stderr.startswith("transfer_signature ")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("sandbox")
    yield stations.start(home)
    sandbox.stop(home)


def test_the_operators_program_opens_accounts(network: Network, run: Run) -> None:
    bank = network.banks[0]
    for accounts in (1, 2):
        done = run(OPERATE, bank.url, str(network.home / "operator"))
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{accounts} accounts; {accounts * 5_000_000} tiyn of customers\n"


def test_its_settings_are_those_of_a_node(network: Network) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    told = json.loads(block)
    bank = network.banks[0]
    written = json.loads((network.folder(bank) / "service.json").read_text("utf-8"))
    assert set(told) - {"authority", "terms"} == set(written)
    assert {name: type(value) for name, value in told.items() if name in written} == {
        name: type(value) for name, value in written.items()
    }
    assert 'config.get("terms"' in inspect.getsource(program)


@pytest.mark.parametrize("program_text", [VERIFY, OPERATE], ids=["verify", "operate"])
def test_its_programs_have_the_types_that_they_say(tmp_path: Path, program_text: str) -> None:
    script = tmp_path / "program.py"
    script.write_text(program_text, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", str(script)]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_its_table_is_the_nodes_own() -> None:
    assert drawn_in(PAGE) == calls.draw(), "python -m tools.calls makes it anew"
    assert all(route.summary in PAGE for route in calls.routes())
