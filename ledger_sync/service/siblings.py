"""What the processes of one service ask each other: what each has counted.

Rule: an answer comes by a pipe that was sent with the question, so there is no address at which anybody else could ask.
Each process answers from a thread of its own. Who does not in time, since it is being started anew or hangs, is left
out; nobody is waited for longer.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

_log: Final = logging.getLogger(__name__)
_ASKED: Final = b"?"
_SECONDS: Final = 5.0
"""For which the others are waited for, all together: half of what Prometheus waits, where nothing is said."""
_CHUNK: Final = 1 << 16
_MOST: Final = 1 << 22
"""Bytes of one answer."""

Pair = tuple[socket.socket, socket.socket]
"""Where a process is asked, and where it hears that."""


def pairs(count: int) -> tuple[Pair, ...]:
    """For so many processes, the first one's first. Whoever starts them keeps all, so that questions outlive one."""
    return tuple(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count))


class Siblings:
    """The processes of a service, seen from the one of this ``number``, counted from 1."""

    def __init__(
        self, number: int, asks: Sequence[socket.socket], hears: socket.socket, seconds: float = _SECONDS
    ) -> None:
        """``asks``: by which each is asked, in their order; ``hears``: where this one is."""
        self._asks = {of: line for of, line in enumerate(asks, 1) if of != number}
        self._hears = hears
        self._seconds = seconds

    def answer(self, said: Callable[[], bytes]) -> None:
        """From now on whoever asks is told what is ``said`` then."""
        threading.Thread(target=self._answer, args=(said,), name="siblings", daemon=True).start()

    def ask(self) -> Mapping[int, bytes]:
        """What the others said, by their numbers; without those who did not in time."""
        asked: dict[int, int] = {}
        try:
            for number, line in self._asks.items():
                asked |= dict.fromkeys(_sent(line), number)
            whole = _read(asked, time.monotonic() + self._seconds)
        finally:
            for reading in asked:
                os.close(reading)
        return whole

    def _answer(self, said: Callable[[], bytes]) -> None:
        """Until the line that it hears by is shut down."""
        while (descriptors := _received(self._hears)) is not None:
            for descriptor in descriptors:
                try:
                    with os.fdopen(descriptor, "wb") as pipe:
                        pipe.write(said())
                except BrokenPipeError:
                    pass  # whoever asked has not waited
                except Exception as error:  # noqa: BLE001 - the next one who asks may be told
                    _log.error("figures cannot be told", exc_info=error)


def _sent(line: socket.socket) -> Iterator[int]:
    """Where the answer will come; nowhere, where the other has not heard of so many questions before."""
    reading, writing = os.pipe()
    try:
        socket.send_fds(line, [_ASKED], [writing], socket.MSG_DONTWAIT)
        yield reading
    except OSError:
        os.close(reading)
    finally:
        os.close(writing)


def _received(line: socket.socket) -> list[int] | None:
    said, descriptors, _, _ = socket.recv_fds(line, 1, 1)
    return descriptors if said else None


def _read(asked: Mapping[int, int], until: float) -> Mapping[int, bytes]:
    """What came whole, by whom it is of."""
    parts: dict[int, bytearray] = {reading: bytearray() for reading in asked}
    whole: dict[int, bytes] = {}
    poll = select.poll()
    for reading in asked:
        poll.register(reading, select.POLLIN)
    while parts and (found := poll.poll(max(0.0, until - time.monotonic()) * 1_000)):
        for reading, _ in found:
            part = os.read(reading, _CHUNK)
            parts[reading] += part
            if not part and parts[reading]:
                whole[asked[reading]] = bytes(parts[reading])
            if not part or len(parts[reading]) > _MOST:
                del parts[reading]
                poll.unregister(reading)
    return whole
