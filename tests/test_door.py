"""`import qalta` is the integrator's door: each name stands there once for type checkers and once for Python, leads to
what it says, and is told by a docstring; README's code and docs/banks.md go through it and nothing else of ours.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
DOORS = ("qalta", "qalta.bank", "qalta.nfc", "qalta.qr", "qalta.sandbox")
OURS = ("wallet", "hsm", "ledger_sync", "app")
VALUES = {
    "DEFAULT_CHUNK",
    "NSS",
    "PERSON_COST",
    "PayeeEvent",
    "PayerEvent",
    "RANDOM_PIN_COST",
    "SLOW_CHUNK",
    "SOFTHSM",
}
"""What is neither class nor function, and so has no docstring that Python keeps."""


def told_to_type_checkers(door: ModuleType) -> dict[str, str]:
    """Module by name, of every import under TYPE_CHECKING."""
    assert door.__file__ is not None
    tree = ast.parse(Path(door.__file__).read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    found: dict[str, str] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.module is not None
        found.update({alias.name: node.module for alias in node.names})
    return found


@pytest.mark.parametrize("name", DOORS)
def test_what_is_told_to_type_checkers_is_what_python_gives(name: str) -> None:
    door = import_module(name)
    told = told_to_type_checkers(door)
    assert sorted(told) == sorted(door.__all__)
    assert {each for each in dir(door) if each in told} == set(told)
    for each, room in told.items():
        assert getattr(door, each) is getattr(import_module(room), each), each


@pytest.mark.parametrize("name", DOORS)
def test_a_name_that_is_not_shown_is_none(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Purse'"):
        _ = import_module(name).Purse


@pytest.mark.parametrize("name", DOORS)
def test_every_name_is_told_by_a_docstring(name: str) -> None:
    door = import_module(name)
    untold = [each for each in door.__all__ if each not in VALUES and not is_told(getattr(door, each))]
    assert untold == []


def is_told(shown: object) -> bool:
    """Whether it has a docstring of its own; a dataclass without one gets its signature, which tells nothing."""
    text = shown.__doc__ or ""
    return bool(text) and not text.startswith(f"{getattr(shown, '__name__', '')}(")


def test_that_check_can_fail() -> None:
    @dataclass
    class Untold:
        amount: int

    assert not is_told(Untold)
    assert not is_told(lambda: None)


def test_every_door_is_tried() -> None:
    assert {f"qalta.{path.stem}" for path in (ROOT / "qalta").glob("[a-z]*.py")} | {"qalta"} == set(DOORS)


def modules_named_in(page: str) -> set[str]:
    """Top-level modules that the Python code of a page imports."""
    found: set[str] = set()
    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), flags=re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("page", ["README.md", "docs/banks.md"])
def test_pages_for_integrators_go_through_the_door(page: str) -> None:
    modules = modules_named_in(page)
    assert "qalta" in modules
    assert not modules & set(OURS)


def imported(package: str) -> set[tuple[str, str]]:
    """(module, name) of what the files of a package import by name, but for what only measures or shows."""
    found: set[tuple[str, str]] = set()
    for path in (ROOT / package).rglob("*.py"):
        if {"bench", "demo"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found |= {(node.module or "", alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("package", ["app/presenters", "app/cli"])
def test_windows_commands_and_integrators_pay_by_the_same_flows(package: str) -> None:
    """Who is warned of a second payment, and when the PIN is asked for, is told once, in the flows."""
    names = imported(package)
    assert {("wallet.flow", "PayFlow"), ("wallet.flow", "ReceiveFlow")} <= names
    assert {import_module("wallet.flow").PayFlow, import_module("wallet.flow").ReceiveFlow} == {
        import_module("qalta").PayFlow,
        import_module("qalta").ReceiveFlow,
    }
    assert not {name for _, name in names} & {"Payer", "Payee", "Tapper"}


def test_verifying_loads_no_keystore_and_no_network() -> None:
    """A bank that only wants to verify pays for nothing else."""
    script = """
import sys
before = set(sys.modules)
from qalta import Code, Directory, Refusal, verify
astray = {"hsm", "ledger_sync", "httpx", "pkcs11", "sqlite3", "PIL"} & (set(sys.modules) - before)
assert not astray, astray
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
