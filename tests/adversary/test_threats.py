"""docs/threats.md is whole and true: 25 threats, and every test that it names exists."""

from __future__ import annotations

from tests.support.pages import ROOT, missing_tests, named_tests, page, rows

PAGE = page("threats.md")
ROWS = rows(PAGE)
THREATS = 25


def test_every_threat_has_one_row() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, THREATS + 1)]
    assert f"| {THREATS} threats," in (ROOT / "README.md").read_text("utf-8")


def test_every_row_names_a_test_or_a_limit() -> None:
    assert [row[0] for row in ROWS if not named_tests(row[3]) and "limit" not in " ".join(row).lower()] == []


def test_every_test_that_is_named_exists() -> None:
    assert missing_tests(PAGE) == []
