"""Several calls at the same time: each is told once it ends, and none keeps another waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Barrier, Event, current_thread

import pytest

from ledger_sync.service.at_once import AtOnce, ByThreads, in_turn

SECONDS = 60
"""After which a test has failed."""
BOTH = pytest.mark.parametrize("at_once", [in_turn, ByThreads(0.0), ByThreads(SECONDS)])


def told(at_once: AtOnce, calls: Mapping[str, Callable[[], int]]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for ended in at_once(calls):
        for name, answer in ended.items():
            try:
                found.append((name, answer()))
            except ValueError as error:
                found.append((name, str(error)))
    return found


def fails() -> int:
    raise ValueError("no number")


@BOTH
def test_each_is_told_once_and_what_one_raises_ends_no_other(at_once: AtOnce) -> None:
    assert sorted(told(at_once, {"b": fails, "a": lambda: 1, "c": lambda: 3})) == [
        ("a", 1),
        ("b", "no number"),
        ("c", 3),
    ]
    assert told(at_once, {"a": lambda: 1}) == [("a", 1)]
    assert told(at_once, {}) == []


def test_what_ends_together_is_told_together_in_the_order_of_the_names() -> None:
    (group,) = ByThreads(SECONDS)({name: lambda: 1 for name in "cab"})
    assert list(group) == ["a", "b", "c"]


def test_they_are_made_at_the_same_time() -> None:
    meeting = Barrier(3, timeout=SECONDS)
    calls = dict.fromkeys("abc", meeting.wait)
    assert {place for _, place in told(ByThreads(), calls)} == {0, 1, 2}


def test_who_does_not_answer_keeps_nobody_waiting() -> None:
    answers = Event()
    groups = ByThreads(0.0)({"a": lambda: answers.wait(SECONDS), "b": lambda: True})
    assert list(next(groups)) == ["b"]
    answers.set()
    (late,) = groups
    assert late["a"]()


def test_one_that_is_alone_is_made_by_the_caller() -> None:
    ((answer,),) = [group.values() for group in ByThreads()({"a": current_thread})]
    assert answer() is current_thread()
