"""Which lines and branches the tests go through, room by room: `python -m tools.coverage [PYTEST ARGUMENTS]`.

It runs the tests (all of them, or those that are named) under coverage.py and writes the figures into docs/coverage.md.
A figure is a floor: what a process that is killed went through is not counted, and tests kill many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.drawn import redrawn

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "coverage.md"
FEWEST: Final = 0.5
"""A room of whose branches fewer were taken was not what these tests are about, and has no row."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Statements and branches of a room, and how many of each were gone through."""

    statements: int = 0
    gone: int = 0
    branches: int = 0
    taken: int = 0

    def plus(self, summary: Mapping[str, int]) -> Figures:
        """With one more file, as coverage.py sums it up."""
        return Figures(
            self.statements + summary["num_statements"],
            self.gone + summary["covered_lines"],
            self.branches + summary["num_branches"],
            self.taken + summary["covered_branches"],
        )

    @property
    def lines_share(self) -> float:
        return self.gone / self.statements if self.statements else 1.0

    @property
    def branches_share(self) -> float:
        return self.taken / self.branches if self.branches else 1.0


def by_room(report: Mapping[str, Any]) -> dict[str, Figures]:
    """The figures of coverage.py's JSON report, by package of the second level (a first-level one's own modules by its
    name)."""
    found: dict[str, Figures] = {}
    for path, told in sorted(report["files"].items()):
        parts = Path(path).parts
        room = ".".join(parts[:2]) if len(parts) > 2 else parts[0]
        found[room] = found.get(room, Figures()).plus(told["summary"])
    return found


def draw(rooms: Mapping[str, Figures], tests: str) -> str:
    """The table for docs/coverage.md."""
    lines = [
        "",
        f"Tests: {tests}",
        "",
        "| room | statements | lines | branches |",
        "| --- | ---: | ---: | ---: |",
    ]
    shown = {
        name: figures
        for name, figures in sorted(rooms.items())
        if figures.statements and figures.branches_share >= FEWEST
    }
    for name, figures in shown.items():
        lines.append(
            f"| `{name}` | {figures.statements} | {figures.lines_share:.1%} | {figures.branches_share:.1%} |"
        )
    return "\n".join([*lines, "", ""])


def measure(arguments: Sequence[str]) -> tuple[int, Mapping[str, Any]]:
    """pytest's exit status, and coverage.py's JSON report; an empty one where a test failed."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(scratch, "data"))}
        command = [sys.executable, "-m", "coverage"]
        status = _run([*command, "run", "-m", "pytest", *arguments], environment)
        if status != 0:
            return status, {}
        _run([*command, "combine", "--quiet"], environment)
        out = Path(scratch, "report.json")
        _run([*command, "json", "--quiet", "-o", str(out)], environment)
        report: Mapping[str, Any] = json.loads(out.read_text("utf-8"))
    return status, report


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """pytest's exit status; the page is written where that is 0."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    status, report = measure(asked or ["-n", "2", "--dist", "loadfile"])
    if status == 0:
        named = [f"`{word}`" for word in asked if word.startswith("tests")]
        told = ", ".join(named) or "all (`./test`)"
        PAGE.write_text(redrawn(PAGE.read_text("utf-8"), draw(by_room(report), told)), "utf-8")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
