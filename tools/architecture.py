"""The picture in ARCHITECTURE.md, drawn from the imports: `python -m tools.architecture` draws it anew.

A room is a package of the second level (`wallet.purse`) with all that is in it, or one of the first with the modules
that lie in it directly; of these, one that rooms beside it import is a room of its own (`wallet.database`). Every
import between rooms counts, also those inside functions and those for types. An arrow that others make up for is left
out.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grimp

from tools.drawn import redrawn

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "ARCHITECTURE.md"
PACKAGES: Final = ("qalta", "app", "ledger_sync", "wallet", "hsm")
"""From the top down."""

Arrows = frozenset[tuple[str, str]]
"""(who imports, what)."""


@dataclass(frozen=True, slots=True)
class Room:
    """``about``: the first sentence of its docstring."""

    name: str
    about: str


class Plan:
    """The rooms of the packages, and who imports whom."""

    def __init__(self, packages: Sequence[str] = PACKAGES, root: Path = ROOT) -> None:
        graph = grimp.build_graph(*packages, cache_dir=None)
        self._root = root
        self._packages = {module for module in graph.modules if self._path(module).is_dir()}
        imports = [
            (one, two) for one in graph.modules for two in graph.find_modules_directly_imported_by(one)
        ]
        self._shared = {two for one, two in imports if self._is_shared(one, two)}
        pairs = ((self._room_of(one), self._room_of(two)) for one, two in imports)
        self.arrows: Arrows = frozenset((one, two) for one, two in pairs if one != two)
        names = {self._room_of(module) for module in graph.modules}
        self.rooms = tuple(
            self._room(name)
            for package in packages
            for name in sorted(names)
            if name.partition(".")[0] == package
        )

    def _path(self, module: str) -> Path:
        """A package's folder; a module's file without its suffix."""
        return self._root.joinpath(*module.split("."))

    def _is_shared(self, importer: str, module: str) -> bool:
        """Whether ``module`` lies in a package of the first level directly, and something in a room of that package
        imports it."""
        package, _, rest = module.partition(".")
        return (
            "." not in rest
            and module not in self._packages
            and self._inner(importer).startswith(f"{package}.")
        )

    def _inner(self, module: str) -> str:
        """The package of the second level that a module is in; empty for what lies in one of the first."""
        inner = ".".join(module.split(".")[:2])
        return inner if inner in self._packages else ""

    def _room_of(self, module: str) -> str:
        return self._inner(module) or (module if module in self._shared else module.partition(".")[0])

    def _room(self, name: str) -> Room:
        path = self._path(name)
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return Room(name, first_sentence(ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""))

    def circles(self) -> tuple[str, ...]:
        """The rooms that reach themselves by way of another."""
        return tuple(room.name for room in self.rooms if _reaches(self.arrows, room.name, room.name))


def first_sentence(text: str) -> str:
    """Up to the first full stop before a space or the end, on one line."""
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def thinned(found: Arrows) -> Arrows:
    """The fewest of these arrows, taken away by name, that leave everybody who was reached reached."""
    left = set(found)
    for arrow in sorted(found):
        left.remove(arrow)
        if not _reaches(frozenset(left), *arrow):
            left.add(arrow)
    return frozenset(left)


def _reaches(found: Arrows, start: str, end: str) -> bool:
    below: dict[str, list[str]] = {}
    for one, other in found:
        below.setdefault(one, []).append(other)
    seen, open_ends = {start}, [start]
    while open_ends:
        for other in below.get(open_ends.pop(), ()):
            if other == end:
                return True
            if other not in seen:
                seen.add(other)
                open_ends.append(other)
    return False


def contracts(root: Path = ROOT) -> tuple[str, ...]:
    """What import-linter holds, by the names in pyproject.toml."""
    project: Mapping[str, dict[str, dict[str, list[dict[str, str]]]]] = tomllib.loads(
        (root / "pyproject.toml").read_text("utf-8")
    )
    return tuple(contract["name"] for contract in project["tool"]["importlinter"]["contracts"])


def draw(plan: Plan) -> str:
    """Picture, table and contracts, as they stand between the page's two marks."""
    known = {name for arrow in plan.arrows for name in arrow}
    lines = ["", "```mermaid", "flowchart TD"]
    for package in PACKAGES:
        inside = [room.name for room in plan.rooms if room.name.partition(".")[0] == package]
        shown = [f'        {_node(name)}["{name}"]' for name in inside if name in known]
        lines += [f"    subgraph {package}_ [{package}]", *shown, "    end"]
    lines += [f"    {_node(one)} --> {_node(two)}" for one, two in sorted(thinned(plan.arrows))]
    lines += ["```", "", f"In a circle: {', '.join(f'`{name}`' for name in plan.circles()) or 'nothing'}."]
    lines += ["", "| room | what it is |", "| --- | --- |"]
    lines += [f"| `{room.name}` | {room.about} |" for room in plan.rooms]
    lines += ["", "Contracts, by which import-linter holds all this:", ""]
    return "\n".join([*lines, *(f"- {name}" for name in contracts()), "", ""])


def _node(name: str) -> str:
    return name.replace(".", "_")


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text("utf-8"), draw(Plan())), "utf-8")
