"""Which of many cases a run tries: a sample drawn from the run's seed, or all of them under ./test --all.

Every worker of a run must collect the same tests, so a sample depends on the seed and the name alone.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")


def seed() -> int:
    """The run's seed: QALTA_SEED, which tests/conftest.py draws when nobody set it."""
    return int(os.environ["QALTA_SEED"])


def everything() -> bool:
    """Whether this run exhausts what others sample (./test --all)."""
    return os.environ.get("QALTA_TEST_ALL") == "1"


def sampled(name: str, cases: Sequence[Case], at_most: int) -> list[Case]:
    """At most so many of the cases, in their own order; all of them under ./test --all."""
    if everything() or len(cases) <= at_most:
        return list(cases)
    chosen = random.Random(f"{seed()}:{name}").sample(range(len(cases)), at_most)
    return [cases[position] for position in sorted(chosen)]
