"""A bank's SQL stands behind its ports, and only who puts a bank together knows what is behind them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

BANK = Path(__file__).parents[3] / "ledger_sync" / "bank"
BACKEND = BANK / "sql"
STATEMENT = re.compile(r"\s*(select|insert|update|delete|with|replace|pragma)\s", re.IGNORECASE)
CALLS = {"run", "row", "rows", "value", "insert"}
"""Of a `Store`."""


def files() -> list[Path]:
    return [path for path in sorted(BANK.rglob("*.py")) if BACKEND not in path.parents]


def holds_sql(source: str) -> bool:
    """Whether it has a statement, or calls a store's methods."""
    return any(_is_statement(node) or _asks_a_store(node) for node in ast.walk(ast.parse(source)))


def _is_statement(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(STATEMENT.match(node.value))
    )


def _asks_a_store(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLS
        and ast.unparse(node.func.value).rpartition(".")[2].lstrip("_") in ("store", "db")
    )


def knows_the_backend(source: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ledger_sync.bank.sql")
        for node in ast.walk(ast.parse(source))
    )


def test_all_sql_stands_behind_the_ports() -> None:
    assert [path.name for path in files() if holds_sql(path.read_text("utf-8"))] == []
    assert all(holds_sql(path.read_text("utf-8")) for path in BACKEND.glob("jobs.py"))


def test_only_the_program_knows_what_is_behind_them() -> None:
    assert [path.name for path in files() if knows_the_backend(path.read_text("utf-8"))] == ["program.py"]


@pytest.mark.parametrize(
    ("source", "has"),
    [
        ("self._store.rows(_ALL)", True),
        ("x = 'select a from b'", True),
        ("house.store.insert('work', kind=kind)", True),
        ("x = 'Delete from work'", True),
        ("with self._store.transaction():\n    self._jobs.insert(1)", False),
        ("x = 'selected'", False),
    ],
)
def test_sql_is_found_where_it_is(source: str, has: bool) -> None:
    assert holds_sql(source) == has
