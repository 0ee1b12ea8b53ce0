"""docs/threats.md is whole and true: 24 threats, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "threats.md").read_text("utf-8")
THREATS = 24


def rows() -> dict[int, str]:
    found = re.findall(r"^\| (\d+) \|(.*)\|$", TABLE, flags=re.MULTILINE)
    return {int(number): row for number, row in found}


def test_every_threat_has_one_row() -> None:
    assert sorted(rows()) == list(range(1, THREATS + 1))
    assert len(re.findall(r"^\| \d+ \|", TABLE, flags=re.MULTILINE)) == THREATS


def test_every_row_names_a_test_or_a_limit() -> None:
    assert [
        number for number, row in rows().items() if "::test_" not in row and "limit" not in row.lower()
    ] == []


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TABLE)
    assert named
    missing = []
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        if name not in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{path}::{name}")
    assert missing == []
