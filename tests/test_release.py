"""A release is the commit and nothing else: its source archive is the repository, its wheel comes out of that, its list
of third parties is whole, and what is not ready is refused. `tests/test_wheel.py` tries the wheel.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools import release
from tools.sbom import ROOT, base_requirements, licences, pinned, project, sbom

AT = 1_800_000_000
VERSION = str(project()["version"])


@dataclass(frozen=True)
class Made:
    """Source archive and wheel of what is checked out here, changes included."""

    source: Path
    archive: Path
    wheel: Path


def git(*words: str, folder: Path = ROOT) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def sources() -> Iterator[str]:
    """Every file that belongs to the repository: as git says, or, where a source archive was unpacked, all but what is
    made there."""
    if (ROOT / ".git").exists():
        listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
        yield from (name for name in listed if name and (ROOT / name).exists())
        return
    made_here = {"PKG-INFO", "setup.cfg", "build", "dist"}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        is_made = parts[0] in made_here or parts[0].endswith((".egg-info", "_cache", ".hypothesis", ".venv"))
        if path.is_file() and not is_made and "__pycache__" not in parts:
            yield path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of one commit with the files of this one."""
    folder = tmp_path_factory.mktemp("repository")
    for name in sources():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / name).chmod((ROOT / name).stat().st_mode)
    git("init", "--quiet", folder=folder)
    git("add", "--all", folder=folder)
    git("commit", "--quiet", "--message", "All", folder=folder)
    return folder


@pytest.fixture(scope="module")
def made(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    release.export(folder / "source", repository)
    return Made(folder / "source", *release.build(folder / "source", folder / "out", AT))


def test_the_source_archive_is_the_repository(repository: Path, made: Made) -> None:
    with tarfile.open(made.archive) as archive:
        files = {member.name.partition("/")[2]: member for member in archive if member.isfile()}
        assert archive.extractfile(files["README.md"]).read() == (ROOT / "README.md").read_bytes()  # type: ignore[union-attr]
    written = {
        name for name in files if name in ("PKG-INFO", "setup.cfg") or name.startswith("qalta.egg-info/")
    }
    assert set(files) - written == set(git("ls-files", folder=repository).split("\n")) - {""}
    assert files["run"].mode & 0o111, "it can be run"


def test_its_wheel_is_the_packages_and_nothing_else(repository: Path, made: Made) -> None:
    with zipfile.ZipFile(made.wheel) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    kept = git("ls-files", *("qalta", "wallet", "hsm", "app", "ledger_sync"), folder=repository)
    assert inside == set(kept.split())


def test_the_same_commit_gives_the_same_wheel(made: Made, tmp_path: Path) -> None:
    _, again = release.build(made.source, tmp_path, AT)
    assert again.name == made.wheel.name
    assert again.read_bytes() == made.wheel.read_bytes()


@pytest.fixture(scope="module")
def listed(made: Made) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom(made.wheel, AT))
    return found


def test_the_list_names_every_package_at_its_version_with_its_licence(listed: dict[str, Any]) -> None:
    parts = {part["name"]: part for part in listed["components"]}
    assert set(parts) == {*pinned(), "Roboto"}
    for name, version in pinned().items():
        assert parts[name]["version"] == version
        assert parts[name]["purl"] == f"pkg:pypi/{name}@{version}"
        (told,) = parts[name]["licenses"]
        licence = told.get("expression") or told["license"].get("id") or told["license"]["name"]
        assert licence == licences()[name]
    needed = {name for name, part in parts.items() if part.get("scope") == "required"}
    assert needed == base_requirements()


def test_the_list_says_which_wheel_it_is_of(listed: dict[str, Any], made: Made) -> None:
    whole = listed["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("qalta", VERSION)
    assert release.sums([made.wheel]).split()[0] == whole["hashes"][0]["content"]


def test_the_list_says_what_asks_for_what(listed: dict[str, Any]) -> None:
    """From the wheel everything but what only set-up needs is reached."""
    below = {item["ref"]: item.get("dependsOn", []) for item in listed["dependencies"]}
    seen, ends = set(), ["qalta"]
    while ends:
        ref = ends.pop()
        if ref not in seen:
            seen.add(ref)
            ends += below[ref]
    names = {ref.partition("@")[0] for ref in seen}
    assert {"qalta", "roboto"} | set(pinned()) - names == {"qalta", "roboto", "setuptools"}


def test_the_same_wheel_gives_the_same_list(made: Made) -> None:
    assert sbom(made.wheel, AT) == sbom(made.wheel, AT)


def test_what_is_not_ready_is_refused(repository: Path, tmp_path: Path) -> None:
    assert [reason[:20] for reason in release.standing_in_the_way(repository)] == ["CHANGELOG.md's newes"]
    page = repository / "CHANGELOG.md"
    ready = page.read_text("utf-8").replace("## Unreleased", f"## {VERSION} (2027-01-01)")
    page.write_text(ready, "utf-8")
    assert [reason[:20] for reason in release.standing_in_the_way(repository)] == ["the working copy has"]
    git("commit", "--quiet", "--all", "--message", "Ready", folder=repository)
    assert release.standing_in_the_way(repository) == []
    git("tag", f"v{VERSION}", folder=repository)
    assert release.standing_in_the_way(repository) == [f"there is a tag v{VERSION} already"]
    with pytest.raises(release.NotReleasable, match="tag"):
        release.release(tmp_path / "dist", is_trial=False, root=repository)
    assert not (tmp_path / "dist").exists()


def test_sums_are_such_that_sha256sum_checks_them(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / release.SUMS).write_text(release.sums([tmp_path / "b", tmp_path / "a"]))
    done = subprocess.run(
        ["sha256sum", "--check", release.SUMS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "a: OK\nb: OK\n")
