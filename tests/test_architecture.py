"""The arrows of the house point down only (pyproject's import-linter contracts), and third parties stay
in the rooms that were given to them.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("qalta", "wallet", "hsm", "app", "ledger_sync")

# Third party -> where it may be imported.
ROOMS = {
    "kivy": ("app/window/",),
    "kivymd": ("app/window/",),
    "cv2": ("app/camera/video.py",),
    "jnius": ("app/phone/hce.py",),
    "nfc": ("wallet/transport/nfc",),
    "ndef": ("wallet/transport/nfc",),
    "smartcard": ("wallet/transport/nfc",),
    "pyzbar": ("wallet/transport/qr",),
    "zxingcpp": ("wallet/transport/qr",),
    "qrcode": ("wallet/transport/qr",),
    "PIL": ("wallet/transport/qr", "app/"),
    "pkcs11": ("hsm/",),
    "starlette": ("ledger_sync/",),
    "uvicorn": ("ledger_sync/",),
    "prometheus_client": ("ledger_sync/service/",),
    "pythonjsonlogger": ("ledger_sync/service/",),
    "h11": ("ledger_sync/",),
    "httpcore": ("ledger_sync/",),
    "httpx": ("ledger_sync/", "app/"),
    "psycopg": ("ledger_sync/database/", "ledger_sync/cluster/"),
    "psycopg_pool": ("ledger_sync/database/",),
    "rich": ("app/",),
    "cbor2": ("wallet/", "hsm/", "ledger_sync/", "app/"),
    "cryptography": ("wallet/", "hsm/", "ledger_sync/", "app/"),
}
# What the command line must never pull in, though it lives below app.
NEVER_IN_THE_COMMAND_LINE = {"kivy", "kivymd"}
COMMAND_LINE = ("app/cli/", "app/bench/", "app/demo/", "app/launch/", "app/terminal/")


def imports(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """(file, top-level module) of every import statement in our packages, also those inside functions."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        yield where, alias.name.partition(".")[0]
                elif isinstance(node, ast.ImportFrom):
                    yield where, (node.module or "").partition(".")[0]


def third_parties() -> Iterator[tuple[str, str]]:
    for where, module in imports():
        if module not in sys.stdlib_module_names and module not in PACKAGES:
            yield where, module


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([command, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)


def test_arrows_point_down() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


PLANTED = {
    "qalta/planted.py": ("import app", "qalta shows the SDK: no role from inside, and nothing of the app"),
    "ledger_sync/settling/planted.py": ("import qalta", "nothing behind the door goes through it"),
    "wallet/protocol/planted.py": ("import hsm", "wallet.protocol imports nothing of ours"),
    "wallet/purse/planted.py": ("import wallet.session", "wallet.purse stands on wallet.protocol and hsm"),
    "wallet/purse/store/planted_floors.py": ("import wallet.purse.pay", "the purse's floors"),
    "wallet/session/planted.py": (
        "import wallet.transport",
        "wallet.session stands on wallet.protocol and wallet.purse",
    ),
    "wallet/transport/planted.py": (
        "import wallet.purse",
        "wallet.transport carries bytes and knows wallet.protocol at most",
    ),
    "wallet/session/planted_flow.py": (
        "import wallet.flow",
        "wallet.flow stands on the rest of the SDK, and nothing of that on it",
    ),
    "app/engine/planted.py": ("import app.presenters", "the engine knows no screen"),
    "wallet/planted.py": ("import ledger_sync", "the SDK knows neither the services nor the app"),
    "hsm/planted.py": ("import app", "hsm stands alone"),
    "ledger_sync/bank/planted.py": (
        "import ledger_sync.notary",
        "each role speaks to the others by HTTP only",
    ),
    "ledger_sync/bank/ports/planted.py": (
        "import ledger_sync.bank.sql",
        "a bank's ports know no backend",
    ),
    "ledger_sync/central_bank/ports/planted.py": (
        "import ledger_sync.central_bank.sql",
        "the central bank's ports know no backend",
    ),
    "ledger_sync/bank/jobs/planted_floors.py": ("import ledger_sync.bank.api", "the bank's floors"),
    "ledger_sync/notary/planted.py": ("import wallet.purse", "the services use wallet.protocol and hsm only"),
    "ledger_sync/client/planted.py": ("import ledger_sync.bank", "the client knows no role from inside"),
    "ledger_sync/http/planted.py": (
        "import ledger_sync.bank",
        "what the services share knows no role",
    ),
    "ledger_sync/http/planted_floors.py": ("import ledger_sync.service", "callers need no server"),
    "app/planted.py": ("import pkcs11", "PKCS#11 only inside hsm"),
    "ledger_sync/planted.py": ("import kivy", "Kivy only below app"),
    "app/cli/planted.py": ("import kivy", "the command line never imports Kivy"),
    "app/presenters/planted.py": ("import kivymd", "what screens show and do is known without Kivy"),
    "app/engine/planted_floors.py": ("import app.presenters", "the app's floors"),
    "app/camera/planted.py": ("import app.window", "what screens show and do is known without Kivy"),
    "ledger_sync/central_bank/planted.py": ("import nfc", "nfcpy only below wallet.transport.nfc"),
}


def test_every_contract_can_be_broken(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for where, (statement, _) in PLANTED.items():
        if not (tmp_path / where).parent.is_dir():
            pytest.fail(f"{Path(where).parent} is gone; plant the import elsewhere")
        (tmp_path / where).write_text(statement + "\n")
    broken = set(re.findall(r"^(.*) BROKEN$", lint_imports(tmp_path).stdout, re.MULTILINE))
    assert broken == {contract for _, contract in PLANTED.values()}


def test_protocol_stands_on_the_standard_library_cbor2_and_cryptography() -> None:
    found = {module for where, module in third_parties() if where.startswith("wallet/protocol/")}
    assert found <= {"cbor2", "cryptography"}


def test_pkcs11_is_imported_in_one_file() -> None:
    files = {where for where, module in imports() if module == "pkcs11"}
    assert len(files) == 1, files


def test_third_parties_stay_in_their_rooms() -> None:
    astray = [
        (where, module)
        for where, module in third_parties()
        if not where.startswith(ROOMS.get(module, ()))
        or (module in NEVER_IN_THE_COMMAND_LINE and where.startswith(COMMAND_LINE))
    ]
    assert astray == []


def test_migrations_are_numbered_without_gap_or_double() -> None:
    """Version n of a store is its n-th migration: two of one number would be told apart by their names only."""
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("migrations/**/*.sql")}
    for folder in folders:
        numbers = sorted(int(path.name.partition("_")[0]) for path in folder.glob("*.sql"))
        assert numbers == list(range(1, len(numbers) + 1)), folder.relative_to(ROOT).as_posix()


@cache
def is_module(name: str) -> bool:
    """Whether this is a module of ours, by its dotted name."""
    at = ROOT.joinpath(*name.split("."))
    is_ours = name.partition(".")[0] in (*PACKAGES, "tools", "tests")
    return is_ours and (at.with_suffix(".py").is_file() or (at / "__init__.py").is_file())


def dotted(node: ast.AST) -> str:
    """A name as it is written, with dots; empty where it is anything else."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def modules_in(nodes: Sequence[ast.AST]) -> set[str]:
    """Modules of ours that a file imports, as it writes them; and what runs through some of them in a loop."""
    named: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            named |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    found = {written for written, name in named.items() if is_module(name)}
    for node in nodes:
        some = node.iter.elts if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple) else []
        if isinstance(node, ast.For) and any(dotted(each) in found for each in some):
            found.add(dotted(node.target))
    return found


def set_on(node: ast.AST) -> list[ast.expr]:
    """What a statement sets an attribute of."""
    if isinstance(node, ast.Call):
        *outer, called = dotted(node.func).split(".")
        if called in {"setattr", "delattr", "patch"} or "patch" in outer:
            return node.args[:1]
    if isinstance(node, ast.Assign):
        return [each.value for each in node.targets if isinstance(each, ast.Attribute)]
    return []


MAY_SET = re.compile(r"setattr|delattr|patch|^ *(?!self\b)[\w.]+\.\w+ = ", re.MULTILINE)
"""Quick, and finds too much: most files of tests need no second look."""


def patched(source: str) -> list[str]:
    """What a test sets of globals of our modules: the modules as it writes them, or the text that names a global."""
    if not MAY_SET.search(source):
        return []
    nodes = list(ast.walk(ast.parse(source)))
    modules = modules_in(nodes)
    found = []
    for target in (target for node in nodes for target in set_on(node)):
        if isinstance(target, ast.Constant) and isinstance(target.value, str):
            if is_module(target.value.rpartition(".")[0]):
                found.append(target.value)
        elif dotted(target) in modules:
            found.append(dotted(target))
    return found


STILL_SET = {
    # a program of its own, begun by the command line as people begin it: that takes words, no objects
    "tests/app/cli/app_with_stand_ins.py": ["window", "window"],
    # the wire's own bound, no service's: real chains as long as that are in test_largest.py, and have other ends
    "tests/ledger_sync/bank/test_bounds.py": ["wallet.protocol.weight.MAX_BUNDLE_ITEMS"],
}


def test_no_test_sets_a_global_of_our_modules() -> None:
    """What is to be smaller, sooner or absent in a test comes in by construction."""
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if (names := patched(path.read_text(encoding="utf-8")))
    }
    assert found == STILL_SET


@pytest.mark.parametrize(
    "statement",
    [
        'monkeypatch.setattr(registry, "TypeVar", 8)',
        'with context() as smaller: smaller.setattr(registry, "TypeVar", 8)',
        'monkeypatch.setattr("wallet.protocol.weight.fits", None)',
        'monkeypatch.setattr("tests.support.postgres.told", None)',
        'setattr(registry, "TypeVar", 8)',
        'patch.object(registry, "TypeVar")',
        'mock.patch("wallet.protocol.weight.fits")',
        'for each in (os, registry): monkeypatch.setattr(each, "TypeVar", 8)',
        "registry.TypeVar = 8",
        'monkeypatch.setattr(wallet.protocol.weight, "fits", 8)',
    ],
)
def test_every_way_to_set_a_global_is_found(statement: str) -> None:
    imports = "import os\nimport wallet.protocol.weight\nfrom ledger_sync.central_bank import registry\n"
    assert len(patched(imports + statement)) == 1
    assert patched(imports + 'monkeypatch.setattr(os, "fsync", None)\nregistry.Registry.a = 8\n') == []


def test_no_machine_path_in_what_we_ship() -> None:
    """Nothing that only one machine knows: its folders, or where it fetches packages."""
    machine = re.compile(r"/(root|work|home)/|file://|artifact|/simple\b")
    kept = [path for folder in (*PACKAGES, "setup", "tools") for path in (ROOT / folder).rglob("*")]
    kept += [ROOT / "pyproject.toml", ROOT / "run", ROOT / "test", ROOT / ".ci" / "run", *ROOT.glob("*.md")]
    kept += (ROOT / "docs").rglob("*")
    suffixes = {".py", ".sh", ".toml", ".md", ".lock", ".sql", ".json", ".cddl", ""}
    guilty = [
        path.relative_to(ROOT).as_posix()
        for path in kept
        if path.is_file() and path.suffix in suffixes and machine.search(path.read_text(encoding="utf-8"))
    ]
    assert guilty == []
