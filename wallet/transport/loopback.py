"""A pair of ends in one process: what one sends the other receives, in order, whole or in pieces.

Rule: bytes in, the same bytes out; it knows nothing of what they mean and holds a bounded number of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Self

from wallet.protocol.bounds import MAX_MESSAGE_BYTES
from wallet.protocol.codes import Code, require

MAX_WAITING_BYTES: Final = 4 * MAX_MESSAGE_BYTES

Cut = Callable[[bytes], Iterable[bytes]]
"""How a carrier cuts what it is given; the pieces, put together, are what was given."""


def whole(data: bytes) -> Iterable[bytes]:
    """Not cut at all: each send is one receive."""
    return (data,)


def every(size: int) -> Cut:
    """Cut into pieces of ``size`` bytes; the last may be shorter."""
    return lambda data: (data[at : at + size] for at in range(0, len(data), size))


class Loopback:
    """One end. Made in pairs by ``pair``."""

    def __init__(self, cut: Cut = whole) -> None:
        self._cut = cut
        self._arrived: deque[bytes] = deque()
        self._waiting = 0
        self._peer: Loopback = self

    @classmethod
    def pair(cls, cut: Cut = whole) -> tuple[Self, Self]:
        """Two ends of one carrier."""
        one, other = cls(cut), cls(cut)
        one._peer, other._peer = other, one
        return one, other

    def send(self, data: bytes) -> None:
        """Hand ``data`` to the other end. TOO_MANY if more than MAX_WAITING_BYTES would wait there."""
        there = self._peer
        waiting = there._waiting + len(data)
        require(waiting <= MAX_WAITING_BYTES, Code.TOO_MANY, count=waiting, limit=MAX_WAITING_BYTES)
        there._arrived.extend(piece for piece in self._cut(data) if piece)
        there._waiting = waiting

    def receive(self) -> bytes | None:
        """The next piece, or None if nothing waits."""
        if not self._arrived:
            return None
        piece = self._arrived.popleft()
        self._waiting -= len(piece)
        return piece
