"""What the processes of a service ask each other: whole answers, nobody waited for without end, nothing left open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ledger_sync.service.siblings import Pair, Siblings
from tests.support.eventually import eventually
from tests.support.siblings import between

LARGE = os.urandom(300_000)
"""More than a pipe holds."""


def one(number: int, made: tuple[Pair, ...], seconds: float = 60.0) -> Siblings:
    return Siblings(number, [asks for asks, _ in made], made[number - 1][1], seconds)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_each_hears_what_the_others_say_now() -> None:
    said = {number: [b"first of %d" % number] for number in (1, 2, 3)}
    with between(3) as made:
        each = {number: one(number, made) for number in said}
        for number, sibling in each.items():
            sibling.answer(lambda number=number: said[number][-1])  # type: ignore[misc]
        assert each[1].ask() == {2: b"first of 2", 3: b"first of 3"}
        assert each[3].ask() == {1: b"first of 1", 2: b"first of 2"}
        said[2].append(LARGE)
        assert each[1].ask() == {2: LARGE, 3: b"first of 3"}


def test_who_is_not_there_is_left_out_and_answers_once_it_is() -> None:
    """Its questions wait where it will hear them, until there are too many; no descriptor is left open."""
    with between(2) as made:
        before = descriptors()
        for _ in range(40):
            assert one(1, made, seconds=0.0).ask() == {}
        assert descriptors() <= before, "what others left open may be closed meanwhile"
        one(2, made).answer(lambda: LARGE)
        eventually(lambda: one(1, made).ask(), lambda said: said == {2: LARGE})


def test_whoever_cannot_say_is_left_out_and_asked_again() -> None:
    answers: Iterator[bytes | Exception] = iter([RuntimeError("a figure is broken"), b""])

    def said() -> bytes:
        answer = next(answers, b"whole")
        if isinstance(answer, Exception):
            raise answer
        return answer

    with between(2) as made:
        asking = one(1, made)
        one(2, made).answer(said)
        assert [asking.ask(), asking.ask(), asking.ask()] == [{}, {}, {2: b"whole"}]
