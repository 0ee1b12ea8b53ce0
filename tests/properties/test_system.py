"""Whatever people, clones, crashes, lines, clocks and services do: no tiyn is made or lost, and only who signs twice
is named.

A random world in one process (tests/support/system.py), audited after every step (tests/support/audit.py). In the
end everybody reconciles, and everything must come out by the rules. What may happen stands in tests/properties/lives,
by kinds. A crash here is EMULATED by an exception at a durable step; the kills that count are SIGKILLs and stand in
the tests that start processes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.properties.lives.all import born, live
from tests.properties.lives.life import Birth
from tests.support.databases import ENGINES, Databases


@pytest.fixture(scope="module", params=ENGINES)
def birth(request: pytest.FixtureRequest) -> Iterator[Birth]:
    """A world over stores of each engine."""
    if request.param == "sqlite":
        with born() as birth:
            yield birth
        return
    with Databases(request.getfixturevalue("postgres")) as databases, born(databases) as birth:
        yield birth


def test_no_tiyn_is_made_or_lost_and_only_who_signs_twice_is_named(birth: Birth) -> None:
    # A world on PostgreSQL is born and copied more slowly, and what may happen in it is the same.
    sample, all_of_them = (12, 300) if birth.system.databases is None else (2, 60)
    live(birth, sample, all_of_them)
