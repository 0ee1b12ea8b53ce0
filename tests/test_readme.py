"""The README is true: its example runs, its links lead somewhere, its commands exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from app.catalogue import catalogue
from app.cli.parser import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_sdk_example_runs(tmp_path: Path) -> None:
    (example,) = blocks("python")
    script = tmp_path / "example.py"
    script.write_text(example, "utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "acknowledged" in done.stdout
    assert "'settled': 1" in done.stdout


def test_the_sdk_example_has_the_types_that_it_says(tmp_path: Path) -> None:
    (example,) = blocks("python")
    script = tmp_path / "example.py"
    script.write_text(example, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", str(script)],
        env={**os.environ, "MYPYPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_sdk_example_says_what_it_needs() -> None:
    before = README[: README.index("```python")]
    assert "qalta[service]" in before.splitlines()[-2]


def test_its_links_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_commands_it_shows_are_commands() -> None:
    parser = build_parser(catalogue("en"))
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    shown = [line[1:] for line in lines if line[:1] == ["./run"] and len(line) > 1]
    assert len(shown) > 8
    for words in shown:
        parser.parse_args(words)
