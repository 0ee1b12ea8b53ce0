"""How much of a service one caller may take: calls at a time; calls, bytes and rows by and by.

Rule: who it is was verified before anything is counted, so nobody uses up what is another's; nothing is counted that
was not let in. Who has had its part is told at once after how many seconds it is worth asking again. Callers whom
nobody knows yet share one part. The processes of a service count together (`tallies`), so how many there are gives
nobody more, and which of them a line leads to gives nobody less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Self

from ledger_sync.http.problems import busy
from ledger_sync.http.routes import MAX_BODY_BYTES, MAX_ROWS, Caller, CallerKind, Charge, free
from ledger_sync.service.tallies import OwnTallies, Tallies, Tally

_WHILE_FULL: Final = 1.0
"""Seconds after which one of its other calls may be over."""


@dataclass(frozen=True, slots=True)
class Quota:
    """One caller's part of a service: ``places``, calls under way at a time; ``calls``, ``bytes`` of bodies and
    ``rows`` that they name a second, by and by, of which so many at once are ``burst_calls``, ``burst_bytes`` and
    ``burst_rows``. ``ValueError``."""

    places: int
    calls: float
    burst_calls: float
    bytes: float
    burst_bytes: float
    rows: float
    burst_rows: float

    def __post_init__(self) -> None:
        if self.places < 1 or self.burst_calls < 1:
            raise ValueError("a quota that lets no call in")
        if self.burst_bytes < MAX_BODY_BYTES or self.burst_rows < MAX_ROWS:
            raise ValueError("a quota that lets not every call in")
        if min(self.calls, self.bytes, self.rows) <= 0:
            raise ValueError("a quota that never comes back")


USUAL: Final[Mapping[CallerKind, Quota]] = {
    CallerKind.CUSTOMER: Quota(8, 100, 1_000, 1 << 20, 16 << 20, 1_000, 200_000),
    CallerKind.NEWCOMER: Quota(8, 20, 200, 1 << 16, 1 << 20, 20, MAX_ROWS),
    CallerKind.BANK: Quota(32, 1_000, 10_000, 16 << 20, 128 << 20, 20_000, 2_000_000),
    CallerKind.CENTRAL_BANK: Quota(32, 1_000, 10_000, 16 << 20, 128 << 20, 20_000, 2_000_000),
    CallerKind.NOTARY: Quota(32, 1_000, 10_000, 16 << 20, 128 << 20, 20_000, 2_000_000),
    CallerKind.AUDITOR: Quota(8, 1_000, 10_000, 1 << 20, 16 << 20, 20, MAX_ROWS),
    CallerKind.OPERATOR: Quota(16, 1_000, 10_000, 16 << 20, 128 << 20, 20_000, 2_000_000),
}


class Quotas:
    """What callers take of a service. Safe to share between threads."""

    def __init__(
        self,
        ticks: Callable[[], float],
        quotas: Mapping[CallerKind, Quota] = USUAL,
        tallies: Tallies | None = None,
    ) -> None:
        """``ticks``: seconds on a scale that nobody sets, the same of all who share ``tallies``; alone, without."""
        self._ticks = ticks
        self._quotas = quotas
        self._tallies = OwnTallies() if tallies is None else tallies

    @classmethod
    def of(
        cls,
        settings: Mapping[str, Mapping[str, Any]],
        ticks: Callable[[], float],
        tallies: Tallies | None = None,
    ) -> Self:
        """By the settings: for a kind of caller what is not as usual. ``ValueError``, ``TypeError``."""
        changed = {
            CallerKind(kind): replace(USUAL[CallerKind(kind)], **given) for kind, given in settings.items()
        }
        return cls(ticks, {**USUAL, **changed}, tallies)

    @contextmanager
    def taken(self, caller: Caller, size: int) -> Iterator[Charge]:
        """A block in which a call with a body of ``size`` bytes is under way; by what it is given the call's rows are
        counted. BUSY of both, with the seconds after which it is worth asking again."""
        quota = self._quotas.get(caller.kind)
        if quota is None:
            yield free
            return
        tally = self._changed(caller, quota, partial(_take, size=size))
        try:
            yield partial(self._charge, caller, quota)
        finally:
            self._tallies.give_back(tally)

    def _charge(self, caller: Caller, quota: Quota, rows: int) -> None:
        self._changed(caller, quota, partial(_take_rows, rows=rows))

    def _changed(self, caller: Caller, quota: Quota, take: Callable[[Tally, Quota], None]) -> Tally:
        now = self._ticks()

        def change(tally: Tally) -> None:
            _drain(tally, quota, now)
            try:
                take(tally, quota)
            finally:
                left = tally.calls / quota.calls, tally.bytes / quota.bytes, tally.rows / quota.rows
                tally.free_at = now + max(left)

        return self._tallies.changed(_name(caller), now, change)


def _name(caller: Caller) -> str:
    """Newcomers are one."""
    return f"{caller.kind} {'' if caller.kind is CallerKind.NEWCOMER else caller.name}"


def _drain(tally: Tally, quota: Quota, now: float) -> None:
    since = max(0.0, now - tally.at)
    tally.calls = max(0.0, tally.calls - since * quota.calls)
    tally.bytes = max(0.0, tally.bytes - since * quota.bytes)
    tally.rows = max(0.0, tally.rows - since * quota.rows)
    tally.at = now


def _take(tally: Tally, quota: Quota, size: int) -> None:
    """BUSY, and then nothing was taken."""
    calls = (tally.calls + 1 - quota.burst_calls) / quota.calls
    bytes_ = (tally.bytes + size - quota.burst_bytes) / quota.bytes
    full = _WHILE_FULL if tally.places >= quota.places else 0.0
    wait = max(calls, bytes_, full)
    if wait > 0:
        raise busy(wait)
    tally.places += 1
    tally.calls += 1
    tally.bytes += size


def _take_rows(tally: Tally, quota: Quota, rows: int) -> None:
    """BUSY, and then nothing was taken."""
    wait = (tally.rows + rows - quota.burst_rows) / quota.rows
    if wait > 0:
        raise busy(wait)
    tally.rows += rows
