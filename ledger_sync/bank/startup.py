"""The first while after a bank's start, in which what it lacks may be what it has forgotten.

Rule: a bank has what it committed, unless it was put back from a backup, which it cannot see. Then its customers show
it again as they come. So for a day after each start it does not say that it has none. That gains nobody more than
silence does: whoever challenges it counts the days, and not the starts.
"""

from __future__ import annotations

from collections.abc import Callable


class StartupGrace:
    """Begins when it is made. ``ticks`` are seconds that no wrong clock changes, of which it lasts so many."""

    def __init__(self, ticks: Callable[[], float], seconds: float) -> None:
        self._ticks = ticks
        self._end = ticks() + seconds

    @property
    def is_over(self) -> bool:
        return self._ticks() >= self._end
