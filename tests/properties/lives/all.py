"""Lives in which everything may happen, and how many of them there are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import sampling
from tests.properties.lives.breaking import Breaking
from tests.properties.lives.disturbing import Disturbing
from tests.properties.lives.life import Birth
from tests.properties.lives.lying import Lying
from tests.properties.lives.online import Online
from tests.properties.lives.restoring import Restoring
from tests.support.databases import Databases


class DigitalTenge(Breaking, Online, Disturbing, Lying, Restoring):
    """Everything that may happen, in any order."""


@contextmanager
def born(databases: Databases | None = None, workers: int = 1) -> Iterator[Birth]:
    """A world from which lives begin, as long as the block lasts."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="qalta-birth-"))
        stack.callback(shutil.rmtree, folder)
        seed = f"birth {sampling.seed()}"
        yield stack.enter_context(Birth.of(folder / "world", seed, databases, workers))


def live(birth: Birth, sample: int, all_of_them: int) -> None:
    """So many lives in an ordinary run, and under ./test --all."""
    DigitalTenge.birth = birth
    hypothesis.seed(sampling.seed())(DigitalTenge)
    run_state_machine_as_test(
        DigitalTenge,
        settings=settings(
            max_examples=all_of_them if sampling.everything() else sample,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
