"""The wheel holds all of our packages and nothing else, installs into an empty environment, and is light
there: importing `qalta` starts nothing and pulls in none of the heavy parts.

Works without the network: the base requirements are linked in from the environment that runs the tests.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.release import faults_of_installed
from tools.sbom import base_requirements

ROOT = Path(__file__).parent.parent
PACKAGES = ("qalta", "wallet", "hsm", "app", "ledger_sync")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"app", "nfc", "pcsc", "zxing", "service", "postgres", "cluster"}
HEAVY = {
    *("kivy", "kivymd", "nfcpy", "patroni", "pyscard", "zxing-cpp", "starlette", "uvicorn", "psycopg"),
    *("prometheus-client", "python-json-logger"),
}


@dataclass(frozen=True, slots=True)
class Wheel:
    path: Path
    files: frozenset[str]
    metadata: Message


def ours(root: Path) -> Iterator[str]:
    """Every file of our packages, as a path from the root."""
    for package in PACKAGES:
        for path in (root / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    result = subprocess.run(build, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = frozenset(archive.namelist())
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        return Wheel(path, names, message_from_bytes(archive.read(metadata)))


@pytest.fixture(scope="module")
def empty(wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that holds the wheel and its base requirements only."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--python",
        str(python),
    ]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel.path)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in base_requirements():
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "/")}:
            if top != "__pycache__" and not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return python


def run(python: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-I", "-B", "-c", script], capture_output=True, text=True, check=False)


def test_wheel_holds_exactly_our_packages(wheel: Wheel) -> None:
    inside = {name for name in wheel.files if ".dist-info/" not in name}
    assert inside == set(ours(ROOT))


def test_wheel_is_typed_licensed_and_has_its_data(wheel: Wheel) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel.files
    assert any(name.endswith("licenses/LICENSE") for name in wheel.files)
    assert any(name.endswith("licenses/THIRD_PARTY.md") for name in wheel.files)
    assert wheel.metadata["License-Expression"] == "Apache-2.0"
    assert {Path(name).suffix for name in wheel.files} >= {".cddl", ".md"}


def test_heavy_parts_come_with_their_extras_only(wheel: Wheel) -> None:
    assert set(wheel.metadata.get_all("Provides-Extra", [])) == EXTRAS | {"dev"}
    requirements = [Requirement(line) for line in wheel.metadata.get_all("Requires-Dist", [])]
    plain = {canonicalize_name(each.name) for each in requirements if each.marker is None}
    assert plain == {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert not base_requirements() & HEAVY


QUIET_IMPORT = """
import sys
noise = []
def hear(event, args):
    if event.startswith("socket.") or event in ("_thread.start_new_thread", "subprocess.Popen", "os.fork"):
        noise.append((event, str(args)))
    if event == "ctypes.dlopen" and args[0]:
        noise.append((event, str(args[0])))
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        noise.append((event, str(args)))
sys.addaudithook(hear)
import wallet
import threading
heavy = {"kivy", "kivymd", "nfc", "smartcard", "pkcs11", "starlette", "uvicorn", "httpx", "PIL", "qrcode",
         "pyzbar", "zxingcpp", "rich", "tkinter", "app", "ledger_sync"} & set(sys.modules)
assert not heavy, heavy
assert not noise, noise
assert threading.active_count() == 1
"""


@pytest.mark.parametrize(
    "module", ["wallet", "qalta", "qalta.bank", "qalta.qr", "qalta.nfc", "qalta.sandbox"]
)
def test_importing_is_silent_and_light(empty: Path, module: str) -> None:
    result = run(empty, QUIET_IMPORT.replace("import wallet\n", f"import {module}\n"))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "noise", ["import pkcs11", "import socket; socket.socket().close()", "open('/dev/null', 'w')"]
)
def test_that_check_can_fail(empty: Path, noise: str) -> None:
    result = run(empty, QUIET_IMPORT.replace("import wallet\n", f"import wallet\n{noise}\n"))
    assert result.returncode == 1
    assert "AssertionError" in result.stderr


def test_what_a_release_tries_works(empty: Path) -> None:
    """Every public name, and the command line's version."""
    assert faults_of_installed(empty, PROJECT["version"]) == []


def test_that_trial_can_fail(empty: Path) -> None:
    faults = faults_of_installed(empty, "0.0.0")
    assert len(faults) == 2
    assert "AssertionError" in faults[0]
    assert faults[1] == f"qalta --version says 'qalta {PROJECT['version']}'"


def test_command_line_answers_without_any_extra(empty: Path) -> None:
    result = subprocess.run(
        [empty.with_name("qalta"), "--help"], capture_output=True, text=True, check=False, cwd=empty.parent
    )
    assert result.returncode == 0, result.stderr
    assert "sandbox" in result.stdout


def locked(level: str) -> set[str]:
    lines = (ROOT / "setup" / f"{level}.lock").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}


def test_every_third_party_licence_is_listed() -> None:
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    listed = {canonicalize_name(name) for name in re.findall(r"^\| ([a-z0-9-]+) \| [^-]", text, re.MULTILINE)}
    extras = PROJECT["optional-dependencies"]
    direct = {canonicalize_name(Requirement(line).name) for lines in extras.values() for line in lines}
    assert locked("run") | locked("test") | locked("cluster") | direct <= listed
