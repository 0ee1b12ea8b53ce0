"""docs/decisions/README.md lists every page of decisions, and every file that it says keeps one is there."""

from __future__ import annotations

import re

from tests.support.pages import ROOT, page, rows, section

PAGE = page("decisions", "README.md")


def test_every_page_of_decisions_is_listed() -> None:
    linked = [re.findall(r"\]\((\w+\.md)\)", row[0]) for row in rows(section(PAGE, "Pages"))]
    there = {path.name for path in (ROOT / "docs" / "decisions").glob("*.md")} - {"README.md"}
    assert sorted(name for (name,) in linked) == sorted(there)


def test_every_decision_has_a_reason_and_a_file_that_is_there() -> None:
    titles = [title for title in re.findall(r"^## (.*)$", PAGE, re.MULTILINE) if title != "Pages"]
    decided = [row for title in titles for row in rows(section(PAGE, title))]
    assert len(decided) > 30
    for row in decided:
        assert len(row) == 3, row
        assert all(row), row
        files = re.findall(r"`([\w/.]+)`", row[2])
        assert files, row
        assert [file for file in files if not (ROOT / file).is_file()] == [], row
