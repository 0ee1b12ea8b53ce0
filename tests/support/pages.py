"""Pages of docs/ that tests hold to the repository: their tables, and the tests that they name.

A test is named as `path::name`, in backquotes; the name is a function's or a class's.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def page(*path: str) -> str:
    return (ROOT / "docs").joinpath(*path).read_text("utf-8")


def section(text: str, title: str) -> str:
    """What stands between a heading of the second level and the next."""
    (body,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(body)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables in a text, without their heads."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("| ") and not line.startswith("| ---") and not below.startswith("| ---"):
            found.append([cell.strip() for cell in line.strip("| ").split(" | ")])
    return found


def named_tests(text: str) -> list[tuple[str, str]]:
    """Path and name of each test that is named. AssertionError for one that is not written as tests are."""
    named = _NAMED.findall(text)
    assert len(named) == text.count("::"), "not written as `path::name`"
    return named


def missing_tests(text: str) -> list[str]:
    """Those tests that a page names and that there are not."""
    missing = []
    for path, name in dict.fromkeys(named_tests(text)):
        file = ROOT / path
        if not file.is_file() or name not in _defined(file):
            missing.append(f"{path}::{name}")
    return missing


def _defined(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
