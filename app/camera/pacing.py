"""Which picture of a recording is due: recordings run by the clock, as what they recorded did."""

from __future__ import annotations

from collections.abc import Callable

Seconds = Callable[[], float]
"""A clock that never runs back."""


class Pace:
    """``rate`` pictures a second, from the first question on."""

    def __init__(self, rate: float, seconds: Seconds) -> None:
        self._rate = rate
        self._seconds = seconds
        self._began: float | None = None
        self._taken = 0

    def due(self) -> int:
        """How many pictures have come due since the last question: those but the last are dropped, as a camera drops
        what nobody fetched."""
        now = self._seconds()
        if self._began is None:
            self._began = now
        due = int((now - self._began) * self._rate + 1e-6) + 1
        due, self._taken = due - self._taken, due
        return due
