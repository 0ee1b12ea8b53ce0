"""The list of third parties that a release carries (SBOM), as CycloneDX 1.6 JSON.

Rule: versions are those of setup/run.lock, with which the release was tested; licences those of THIRD_PARTY.md, which a
test keeps whole; what asks for what is read from the packages themselves. The same release gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import tomllib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
_PINNED: Final = re.compile(r"^([a-z0-9-]+)==([^ ]+)", re.MULTILINE)
_LISTED: Final = re.compile(r"^\| ([a-z0-9-]+) \| (?!-)(.+) \|$", re.MULTILINE)
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "qalta")


def project(root: Path = ROOT) -> dict[str, object]:
    """The table `project` of pyproject.toml."""
    table: dict[str, object] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def pinned(root: Path = ROOT) -> dict[str, str]:
    """Version by name, of all that ./run installs."""
    return dict(_PINNED.findall((root / "setup" / "run.lock").read_text("utf-8")))


def licences(root: Path = ROOT) -> dict[str, str]:
    """What THIRD_PARTY.md says of each package, without its remarks."""
    found = {}
    for name, cells in _LISTED.findall((root / "THIRD_PARTY.md").read_text("utf-8")):
        told = [cell for cell in cells.split(" | ") if "`" not in cell]
        found[name] = re.sub(r"\s*\(.*?\)|;.*|\*", "", told[0]).strip(" |") if told else ""
    return found


def base_requirements(root: Path = ROOT) -> set[str]:
    """What an installation without extras brings: the project's requirements and theirs, and so on."""
    direct = project(root)["dependencies"]
    assert isinstance(direct, list)
    found: set[str] = set()
    wanted = [Requirement(line) for line in direct]
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name not in found and _is_meant(requirement):
            found.add(name)
            wanted += [Requirement(line) for line in importlib.metadata.requires(name) or ()]
    return found


def _is_meant(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _asked_for_by(name: str, extras: Iterable[str]) -> set[str]:
    """What a package needs, and what its extras need besides."""
    requirements = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if any(_is_meant(requirement, extra) for extra in ("", *extras))
    }


def sbom(wheel: Path, at: int, root: Path = ROOT) -> str:
    """The list for a wheel that was built at ``at`` (unix seconds)."""
    table, versions, told, base = project(root), pinned(root), licences(root), base_requirements(root)
    factory = LicenseFactory()
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, wheel.name))
    bom.metadata.timestamp = datetime.fromtimestamp(at, UTC)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    bom.metadata.component = whole = Component(
        name="qalta",
        version=str(table["version"]),
        type=ComponentType.APPLICATION,
        bom_ref=BomRef("qalta"),
        purl=PackageURL("pypi", None, "qalta", str(table["version"])),
        licenses=[factory.make_from_string("Apache-2.0")],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )
    parts = {
        name: Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=BomRef(f"{name}@{version}"),
            purl=PackageURL("pypi", None, name, version),
            scope=ComponentScope.REQUIRED if name in base else ComponentScope.OPTIONAL,
            licenses=[factory.make_from_string(told[name])],
        )
        for name, version in versions.items()
    }
    typeface = Component(
        name="Roboto",
        version="2017",
        type=ComponentType.FILE,
        bom_ref=BomRef("roboto"),
        licenses=[factory.make_from_string("Apache-2.0")],
    )
    bom.components.update([*parts.values(), typeface])
    direct = _direct(table)
    bom.register_dependency(whole, [*(parts[name] for name in direct if name in parts), typeface])
    for name, part in parts.items():
        asked = _asked_for_by(name, direct.get(name, ()))
        bom.register_dependency(part, [parts[other] for other in asked if other in parts])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _direct(table: dict[str, object]) -> dict[str, set[str]]:
    """What the project asks for itself, with the extras that people install; and the extras of each of these."""
    plain, extras = table["dependencies"], table["optional-dependencies"]
    assert isinstance(plain, list)
    assert isinstance(extras, dict)
    found: dict[str, set[str]] = {}
    for line in [*plain, *(line for name, asked in extras.items() if name != "dev" for line in asked)]:
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    return found
