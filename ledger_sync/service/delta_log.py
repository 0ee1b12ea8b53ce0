"""Deltas that a service holds: an unbroken run of versions, whose beginning is forgotten once a base says as much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.policy import PolicyDelta

MAX_DELTAS_ONLINE: Final = 256
"""Deltas in one answer to GET /v1/policy; the head is left out where more follow."""


@dataclass(frozen=True, slots=True)
class DeltaSizes:
    """How many deltas a service gives, and keeps."""

    answer: int = MAX_DELTAS_ONLINE
    """In one answer. As many are kept below the newest base: who lacks no more than these needs no base."""
    dropped: int = 1_024
    """That one step removes."""

    @property
    def between_bases(self) -> int:
        """After which there is a new base: who begins with one lacks no more than one answer."""
        return self.answer // 2


USUAL_SIZES: Final = DeltaSizes()


class DeltaLog:
    """The run, each delta as it was read and as it travels."""

    def __init__(self) -> None:
        self.floor = 0
        """The version before the first: nothing up to it is held."""
        self._read: list[Signed[PolicyDelta]] = []
        self._raws: list[bytes] = []

    @property
    def newest(self) -> int:
        """The version of the last delta, or of what it would follow on."""
        return self.floor + len(self._read)

    def after(self, version: int, most: int) -> tuple[Signed[PolicyDelta], ...] | None:
        """The first ``most`` of later versions; None where the one that follows is no longer held."""
        begin = version - self.floor
        return None if begin < 0 else tuple(self._read[begin : begin + most])

    def raws_after(self, version: int, most: int) -> list[bytes] | None:
        """As `after`, encoded."""
        begin = version - self.floor
        return None if begin < 0 else self._raws[begin : begin + most]

    def add(self, deltas: Iterable[tuple[int, bytes]]) -> None:
        """More, by version, in order. Where one is missing, what was before it is forgotten."""
        for version, raw in deltas:
            if version <= self.newest:
                continue
            if version != self.newest + 1:
                self.forget(version - 1)
            self._read.append(cose.parse(PolicyDelta, raw))
            self._raws.append(raw)

    def forget(self, until: int) -> None:
        """Those up to a version, which may be later than all."""
        if until > self.floor:
            del self._read[: until - self.floor]
            del self._raws[: until - self.floor]
            self.floor = until
