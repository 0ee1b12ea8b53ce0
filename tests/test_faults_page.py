"""docs/decisions/faults.md passes over no fault that was found: each has its root, and a test that exists."""

from __future__ import annotations

import pytest

from tests.support.pages import missing_tests, named_tests, page, rows, section

PAGE = page("decisions", "faults.md")
ROOTS = {*(str(number) for number in range(1, 14)), "foundation"}
ATTACKS = 36
IDS = {
    "Public reports": [
        *("F1", "F2", "F3", "F4a", "F4c", "F5", "F6", "F7", "F8", "F9"),
        *(f"W{number}" for number in range(1, 8)),
    ],
    "Newcomer": [f"A{number}" for number in range(1, 18)],
    "Code review": [*(f"D{number}" for number in range(1, 7)), "A1", "A2", "A6", "A7", "A10"],
}


def faults() -> dict[str, list[list[str]]]:
    """Root, cause, tests and note of each row, by section; whatever stands before the root is the fault."""
    return {title: rows(section(PAGE, title)) for title in ("Hostile review", *IDS)}


def test_no_attack_is_missing_or_told_twice() -> None:
    names = [row[0] for row in faults()["Hostile review"]]
    assert len(names) == len(set(names)) == ATTACKS


@pytest.mark.parametrize("title", IDS)
def test_no_fault_is_missing_or_told_twice(title: str) -> None:
    assert [row[0] for row in faults()[title]] == IDS[title]


def test_every_row_has_a_root_a_cause_and_a_test() -> None:
    for title, found in faults().items():
        for row in found:
            assert len(row) == (5 if title == "Hostile review" else 6), row
            assert all(row), row
            root, _, tests, _ = row[-4:]
            assert root in ROOTS, row
            assert named_tests(tests) or tests.startswith("no test: "), row


def test_every_root_has_a_fault() -> None:
    assert {row[-4] for found in faults().values() for row in found} == ROOTS


def test_every_test_that_is_named_exists() -> None:
    assert missing_tests(PAGE) == []


def test_that_check_can_fail() -> None:
    assert missing_tests("`tests/test_faults_page.py::test_that_is_none`") != []
    assert missing_tests("`tests/test_no_such_file.py::test_that_check_can_fail`") != []
    with pytest.raises(AssertionError):
        missing_tests("`tests/test_faults_page.py::test that is none`")
