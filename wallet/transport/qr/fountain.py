"""The fountain code: any k independent rows give back the k chunks of a message.

Rule: a row is a set of chunks (bit i of `mask` is chunk i) and their XOR. Row `seq < k` is chunk `seq`
itself; the others are drawn with SHAKE-128 (FIPS 202), so that any language draws the same. Nothing here is
random.

A row that somebody made up (right message id, wrong contents) must not spoil a reception. Rows beyond the
rank are checks: the XOR of certain rows must be zero. Errors of made-up rows are as good as always linearly
independent, so a combination of checks that does come out as zero holds no made-up row, and its rows can be
trusted (J. J. Metzner and E. J. Kapturowski, "A general decoding technique applicable to replicated file
disagreement location and concatenated code decoding", IEEE Trans. Inf. Theory 36(4), 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from hashlib import shake_128
from typing import Final

DOMAIN: Final = b"QALTA1"


def scramble(message_id: bytes, data: bytes) -> bytes:
    """`data` XOR SHAKE-128 of the id; its own inverse. SPEC section 2.

    It hides nothing: it makes every message look random, so that none gives a picture that is hard to draw
    or read.
    """
    stream = shake_128(DOMAIN + message_id).digest(len(data))
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def row_mask(message_id: bytes, chunk_count: int, seq: int) -> int:
    """The chunks of row `seq`, bit i for chunk i; never 0. SPEC section 4."""
    if seq < chunk_count:
        return 1 << seq
    seed = DOMAIN + message_id + chunk_count.to_bytes(2, "big") + seq.to_bytes(2, "big")
    everything = (1 << chunk_count) - 1
    drawn = int.from_bytes(shake_128(seed).digest((chunk_count + 7) // 8), "little") & everything
    return drawn or everything


def combine(chunks: Sequence[int], mask: int) -> int:
    """The XOR of the chunks in `mask`."""
    total = 0
    while mask:
        lowest = mask & -mask
        total ^= chunks[lowest.bit_length() - 1]
        mask ^= lowest
    return total


class Basis:
    """Independent rows, each with the set of received rows that it was combined from."""

    def __init__(self, chunk_count: int) -> None:
        self._chunk_count = chunk_count
        self._rows: dict[int, tuple[int, int, int]] = {}

    @property
    def rank(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        return len(self._rows) == self._chunk_count

    def insert(self, mask: int, payload: int, sources: int) -> tuple[int, int] | None:
        """None if the row was independent; else what is left of it: (payload, sources)."""
        while mask:
            row = self._rows.get(mask.bit_length())
            if row is None:
                self._rows[mask.bit_length()] = (mask, payload, sources)
                return None
            mask ^= row[0]
            payload ^= row[1]
            sources ^= row[2]
        return payload, sources

    def solve(self) -> list[int]:
        """The chunks. Only for a full basis."""
        chunks: list[int] = []
        for pivot in range(1, self._chunk_count + 1):
            mask, payload, _ = self._rows[pivot]
            chunks.append(payload ^ combine(chunks, mask ^ (1 << (pivot - 1))))
        return chunks


class Added(Enum):
    """What a row did to the solver."""

    NEW = "new"
    KNOWN = "known"
    CONTRADICTION = "contradiction"


class Solver:
    """Gaussian elimination over GF(2), row by row, that can tell true rows from made-up ones.

    `everything` holds all rows, `trusted` those that proved true. The caller bounds `chunk_count` and the
    size of a payload first; the solver keeps at most `max_rows` rows.
    """

    def __init__(self, chunk_count: int) -> None:
        self.everything = Basis(chunk_count)
        self.trusted = Basis(chunk_count)
        self.max_rows = 3 * chunk_count + 32
        self._rows: list[tuple[int, int]] = []
        self._seen: set[tuple[int, int]] = set()
        self._failed_checks: dict[int, tuple[int, int]] = {}
        self._believed = 0

    @property
    def exhausted(self) -> bool:
        """No further row will be looked at."""
        return len(self._rows) >= self.max_rows

    def add(self, mask: int, payload: int) -> Added:
        if (mask, payload) in self._seen or self.exhausted:
            return Added.KNOWN
        self._seen.add((mask, payload))
        self._rows.append((mask, payload))
        left = self.everything.insert(mask, payload, 1 << (len(self._rows) - 1))
        if left is None:
            return Added.NEW
        return self._check(*left)

    def _check(self, residual: int, sources: int) -> Added:
        outcome = Added.CONTRADICTION if residual else Added.KNOWN
        while residual:
            failed = self._failed_checks.get(residual.bit_length())
            if failed is None:
                self._failed_checks[residual.bit_length()] = (residual, sources)
                return outcome
            residual ^= failed[0]
            sources ^= failed[1]
        self._believe(sources & ~self._believed)
        return outcome

    def _believe(self, sources: int) -> None:
        self._believed |= sources
        while sources:
            lowest = sources & -sources
            mask, payload = self._rows[lowest.bit_length() - 1]
            self.trusted.insert(mask, payload, lowest)
            sources ^= lowest
