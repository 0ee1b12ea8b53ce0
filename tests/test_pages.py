"""Every page's links lead somewhere, and every file that a page for people who work on Qalta names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pages import ROOT

_LEFT_OUT = {".venv", ".git", ".hypothesis", "node_modules"}
PAGES = sorted(path for path in ROOT.rglob("*.md") if not _LEFT_OUT & set(path.relative_to(ROOT).parts))
FILE = re.compile(r"`((?:\.ci|app|docs|findings|hsm|ledger_sync|qalta|setup|tests|tools|wallet)/[\w./]+?)/?`")


def broken_links(page: Path, text: str) -> list[str]:
    """Links of a page to files that are not there; links elsewhere are not followed."""
    targets = (target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text))
    return [
        target for target in targets if target and "://" not in target and not (page.parent / target).exists()
    ]


def missing_files(text: str) -> list[str]:
    return [name for name in FILE.findall(text) if not (ROOT / name).exists()]


def test_there_are_pages() -> None:
    assert {path.name for path in PAGES} >= {"README.md", "SPEC.md", "CONTRIBUTING.md", "limits.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    assert broken_links(page, page.read_text("utf-8")) == []


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"])
def test_files_that_are_named_are_there(name: str) -> None:
    assert missing_files((ROOT / name).read_text("utf-8")) == []


def test_the_checks_can_fail() -> None:
    assert broken_links(ROOT / "README.md", "[a](b.md) [c](https://d.e) [f](#g) [h](LICENSE)") == ["b.md"]
    assert missing_files("`wallet/protocol/` and `wallet/nothing.py`") == ["wallet/nothing.py"]
