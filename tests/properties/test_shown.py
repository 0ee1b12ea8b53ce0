"""What is shown is what is known: in random lives (tests/properties/lives) app, command line and JSON say after every
step what is held, and history sums to it: paid, received, lost in a conflict, rolled back, settled without a receipt,
refused, expired.
"""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import sampling
from tests.properties.lives.all import DigitalTenge
from tests.properties.lives.life import Birth
from tests.properties.test_system import birth as birth
from tests.support.databases import ENGINES
from tests.support.shown import check_shown, check_sums


class ShownTruly(DigitalTenge):
    """The same lives; what is watched is what people see."""

    def step_passed(self) -> None:
        super().step_passed()
        for holder in self.system.holders.values():
            check_sums(holder.wallet)

    def _end(self) -> None:
        """Everybody reconciles; whether the books are right then is asked in test_system."""
        self.disturbances_end()
        for holder in self.system.holders.values():
            holder.ahead = 0
        self.system.network.revive()
        for _ in range(2):
            for holder in self.system.holders.values():
                holder.try_sync()
            self.system.settle_down()
        for holder in self.system.holders.values():
            check_sums(holder.wallet)
            check_shown(holder.wallet)


@pytest.mark.parametrize("birth", sampling.sampled("engine of what is shown", ENGINES, 1), indirect=True)
def test_history_sums_to_the_balance_and_each_token_has_a_line(birth: Birth) -> None:
    ShownTruly.birth = birth
    # What is shown is in purses: the banks' engine changes little of it.
    sample, all_of_them = (4, 100) if birth.system.databases is None else (2, 40)
    hypothesis.seed(sampling.seed())(ShownTruly)
    run_state_machine_as_test(
        ShownTruly,
        settings=settings(
            max_examples=all_of_them if sampling.everything() else sample,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
