"""What happens to services and between them: bad connections, for a while each.

Rule: a disturbance lasts some steps, then what it held up arrives late; when the life ends, all are over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ledger_sync.sandbox.in_process import (
    CENTRAL_BANK,
    NOTARY,
    Delay,
    Disturbance,
    HoldUp,
    Spoiling,
    Unreadable,
    cut,
    lose_answer,
    repeat,
)
from tests.properties.lives.life import PEOPLE, Life
from tests.support.system import BANKS
from tests.support.world import DAY

SERVICES: Final = (CENTRAL_BANK, NOTARY, *BANKS)
CALLERS: Final = st.sampled_from((None, CENTRAL_BANK, *BANKS, *(name for name, _, _ in PEOPLE)))
CALLEES: Final = st.sampled_from(SERVICES)
AHEAD: Final = st.sampled_from(
    (-400 * DAY, -3 * DAY, -5 * 3_600, 1_000, 5 * 3_600, 30 * 3_600, 5 * DAY, 400 * DAY)
)
STEPS: Final = st.integers(1, 5)
_AT_ONCE: Final = 2


@dataclass
class Passing:
    """Something that lasts so many more ``steps``; ``end`` says what comes then."""

    steps: int
    end: Callable[[], object] = field(compare=False)


class Disturbing(Life):
    """What only happens to services and lines."""

    def __init__(self) -> None:
        super().__init__()
        self.passing: list[Passing] = []

    def disturbances_end(self) -> None:
        self.what_passes_is_over()
        super().disturbances_end()

    def what_passes_is_over(self) -> None:
        while self.passing:
            self.passing.pop(0).end()

    def step_passed(self) -> None:
        for passing in self.passing:
            passing.steps -= 1
        over = [passing for passing in self.passing if passing.steps <= 0]
        self.passing = [passing for passing in self.passing if passing.steps > 0]
        for passing in over:
            passing.end()

    # lines

    @rule(caller=CALLERS, callee=CALLEES, how=st.sampled_from(("cut", "lost", "twice")), steps=STEPS)
    @precondition(lambda self: len(self.passing) < _AT_ONCE)
    def a_line_is_bad(self, caller: str | None, callee: str, how: str, steps: int) -> None:
        ways: dict[str, Disturbance] = {"cut": cut, "lost": lose_answer, "twice": repeat}
        self._place(ways[how], caller, callee, steps)

    @rule(caller=CALLERS, callee=CALLEES, seconds=st.sampled_from((7, 25, 400)), steps=STEPS)
    @precondition(lambda self: len(self.passing) < _AT_ONCE)
    def a_line_is_slow(self, caller: str | None, callee: str, seconds: int, steps: int) -> None:
        """Each way, so that answers come late, or after their callers gave up, or the calls are too old."""

        def wait() -> None:
            self.system.now += seconds

        self._place(Delay(wait), caller, callee, steps)

    @rule(caller=CALLERS, callee=CALLEES, spoiling=st.sampled_from(Spoiling), steps=STEPS)
    @precondition(lambda self: len(self.passing) < _AT_ONCE)
    def answers_are_unreadable(self, caller: str | None, callee: str, spoiling: Spoiling, steps: int) -> None:
        self._place(Unreadable(spoiling), caller, callee, steps)

    @rule(caller=CALLERS, callee=CALLEES, steps=STEPS)
    @precondition(lambda self: len(self.passing) < _AT_ONCE)
    def calls_are_held_up(self, caller: str | None, callee: str, steps: int) -> None:
        """And carried out after their callers gave up, and perhaps asked again."""
        held = HoldUp()
        lift = self.system.network.lines.place(held, caller=caller, callee=callee)
        self.passing.append(Passing(steps, lambda: (lift(), held.release())))

    # clocks

    @rule(name=CALLEES, ahead=AHEAD, steps=STEPS)
    @precondition(lambda self: len(self.passing) < _AT_ONCE)
    def a_service_has_a_wrong_clock(self, name: str, ahead: int, steps: int) -> None:
        """It signs by it where it can stand for it, and is set right afterwards."""
        network = self.system.network
        network.ahead[name] = ahead
        self.passing.append(Passing(steps, lambda: network.ahead.pop(name, None)))

    def _place(self, disturbance: Disturbance, caller: str | None, callee: str, steps: int) -> None:
        lift = self.system.network.lines.place(disturbance, caller=caller, callee=callee)
        self.passing.append(Passing(steps, lift))
