"""A release, made and checked: `python -m tools.release [--trial] [OUT]` (OUT: `dist`).

Wheel, source archive, list of third parties (SBOM) and their SHA-256 sums. Rule: everything comes from the commit that
is checked out and from nothing else; the wheel is built from the source archive, so that one is whole; it is installed
into a fresh environment at the versions of setup/run.lock and tried there; OUT is written last. Nothing is published or
tagged: that is a person's act, and the last line says how. `--trial` does all of it although CHANGELOG.md still says
Unreleased or the working copy has changes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.sbom import ROOT, pinned, project, sbom

SUMS: Final = "SHA256SUMS"

TRIAL: Final = """
import importlib, importlib.metadata, sys
assert importlib.metadata.version("qalta") == sys.argv[1], importlib.metadata.version("qalta")
for name in ("qalta", "qalta.bank", "qalta.qr", "qalta.nfc", "qalta.sandbox"):
    door = importlib.import_module(name)
    for shown in door.__all__:
        getattr(door, shown)
"""
"""What must work where the wheel and its base requirements are installed, and nothing else of ours."""


class NotReleasable(Exception):
    """What stands in the way; its text is for the person."""


def standing_in_the_way(root: Path = ROOT) -> list[str]:
    """Why what is checked out is no release yet."""
    found = []
    if _run(["git", "status", "--porcelain"], root).stdout.strip():
        found.append("the working copy has changes that are in no commit")
    version = str(project(root)["version"])
    newest = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[1]
    if not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", newest):
        found.append(f"CHANGELOG.md's newest section is '{newest}', not '{version} (YYYY-MM-DD)'")
    if _run(["git", "tag", "--list", f"v{version}"], root).stdout.strip():
        found.append(f"there is a tag v{version} already")
    return found


def committed_at(root: Path = ROOT) -> int:
    """Unix seconds of the commit that is checked out."""
    return int(_must(["git", "log", "-1", "--format=%ct"], root).stdout)


def export(folder: Path, root: Path = ROOT) -> None:
    """The files of the commit, and no others, into ``folder``."""
    archive = folder.with_suffix(".tar")
    _must(["git", "archive", "--output", str(archive), "HEAD"], root)
    shutil.unpack_archive(archive, folder, "tar", filter="data")
    archive.unlink()


def build(source: Path, out: Path, at: int) -> tuple[Path, Path]:
    """Source archive, and the wheel that was built from it, dated ``at`` (unix seconds)."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    _must(command, source, {"SOURCE_DATE_EPOCH": str(at)})
    (archive,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return archive, wheel


def install(wheel: Path, folder: Path, root: Path = ROOT) -> Path:
    """The Python of a new environment with the wheel, its requirements fetched at the locked versions."""
    _must([sys.executable, "-m", "venv", str(folder)], folder.parent)
    python = folder / "bin" / "python"
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in pinned(root).items()), "utf-8")
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _must([*pip, "--quiet", "--only-binary", ":all:", "--constraint", str(pins), str(wheel)], folder)
    return python


def faults_of_installed(python: Path, version: str) -> list[str]:
    """What does not work in an environment: the door, and the command line's first words."""
    tried = {
        "import qalta": _run([str(python), "-I", "-c", TRIAL, version], python.parent),
        "qalta --version": _run([str(python.with_name("qalta")), "--version"], python.parent),
    }
    found = [f"{what}: {done.stderr.strip()}" for what, done in tried.items() if done.returncode != 0]
    said = tried["qalta --version"].stdout.strip()
    return found if said == f"qalta {version}" else [*found, f"qalta --version says '{said}'"]


def sums(files: Sequence[Path]) -> str:
    """What `sha256sum --check` reads."""
    lines = sorted((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)
    return "".join(f"{digest}  {name}\n" for name, digest in lines)


def release(out: Path, *, is_trial: bool, root: Path = ROOT) -> list[Path]:
    """Everything, in ``out``. NotReleasable."""
    obstacles = standing_in_the_way(root)
    if obstacles and not is_trial:
        raise NotReleasable("; ".join(obstacles))
    version, at = str(project(root)["version"]), committed_at(root)
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "made")
        export(source, root)
        archive, wheel = build(source, made, at)
        faults = faults_of_installed(install(wheel, Path(scratch, "fresh"), source), version)
        if faults:
            raise NotReleasable("; ".join(faults))
        listed = made / f"qalta-{version}.cdx.json"
        listed.write_text(sbom(wheel, at, source), "utf-8")
        files = [archive, wheel, listed]
        (made / SUMS).write_text(sums(files), "utf-8")
        out.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(file, out)) for file in (*files, made / SUMS)]


def _run(
    command: list[str], folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    extended = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=folder, env=extended, capture_output=True, text=True, check=False)


def _must(
    command: list[str], folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = _run(command, folder, environment)
    if done.returncode != 0:
        raise NotReleasable(f"{' '.join(command[:4])}: {done.stdout}{done.stderr}")
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    """0: made. 1: what stands in the way is said."""
    parser = argparse.ArgumentParser(prog="python -m tools.release")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "dist")
    parser.add_argument("--trial", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        made = release(asked.out, is_trial=asked.trial)
    except NotReleasable as error:
        print(f"no release: {error}", file=sys.stderr)
        return 1
    for path in made:
        print(path)
    if not asked.trial:
        print(f"then: git tag --sign v{project()['version']}, and publish these files with it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
