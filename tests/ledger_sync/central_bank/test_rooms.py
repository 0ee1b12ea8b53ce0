"""Where a central bank's SQL stands: behind its ports, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.ledger_sync.bank.test_rooms import holds_sql

CENTRAL_BANK = Path(__file__).parents[3] / "ledger_sync" / "central_bank"
BACKEND = CENTRAL_BANK / "sql"
FILES = [path for path in sorted(CENTRAL_BANK.rglob("*.py")) if BACKEND not in path.parents]


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    return {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names} | {
        node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CENTRAL_BANK).as_posix())
def test_whatever_keeps_a_rule_holds_no_sql_and_knows_no_database(path: Path) -> None:
    assert not holds_sql(path.read_text("utf-8"))
    assert not {"sqlite3", "psycopg", "wallet.database"} & imported(path)


def test_the_program_alone_chooses_the_backend() -> None:
    know = {path.name for path in FILES if any(BACKEND.name in name.split(".") for name in imported(path))}
    assert know == {"program.py"}
