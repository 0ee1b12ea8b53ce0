"""Whatever people, clones, crashes, lines, clocks and services do: no tiyn is made or lost, and only who signs twice
is named.

A random world in one process (tests/support/system.py), audited after every step (tests/support/audit.py). In the
end everybody reconciles, and everything must come out by the rules. What may happen stands in tests/properties/lives,
by kinds. A crash here is EMULATED by an exception at a durable step; the kills that count are SIGKILLs and stand in
the tests that start processes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import sampling
from tests.properties.lives.breaking import Breaking
from tests.properties.lives.disturbing import Disturbing
from tests.properties.lives.life import Birth
from tests.properties.lives.lying import Lying
from tests.properties.lives.online import Online
from tests.properties.lives.restoring import Restoring


@pytest.fixture(scope="module")
def birth() -> Iterator[Birth]:
    folder = Path(tempfile.mkdtemp(prefix="qalta-birth-"))
    try:
        with Birth.of(folder / "world", f"birth {sampling.seed()}") as born:
            yield born
    finally:
        shutil.rmtree(folder)


class DigitalTenge(Breaking, Online, Disturbing, Lying, Restoring):
    """Everything that may happen, in any order."""


def test_no_tiyn_is_made_or_lost_and_only_who_signs_twice_is_named(birth: Birth) -> None:
    DigitalTenge.birth = birth
    hypothesis.seed(sampling.seed())(DigitalTenge)
    run_state_machine_as_test(
        DigitalTenge,
        settings=settings(
            max_examples=600 if sampling.everything() else 30,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
