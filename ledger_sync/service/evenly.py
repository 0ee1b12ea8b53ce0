"""Callers' lines, spread evenly over the processes of one service, which all listen on one socket.

Rule: who has more lines than another leaves a caller that waits at the door to that one. It does so for a moment only:
a process that hangs keeps nobody waiting, and one that has died has no caller of its own that would be lost. What each
has lies in memory that all see; it need not be exact, for it decides by whom a caller is let in, and not whether.

A socket for each process (SO_REUSEPORT) would do neither: the kernel gives a caller to a socket by its address, so that
of 16 one in four times 11 or more come to one of two; and who waits at a socket whose process dies is cut off.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from ledger_sync.service.process import MOST_PROCESSES

_LOOK_SECONDS: Final = 0.001
"""Between two looks whether a caller that was left to others is still there."""
_LEFT_SECONDS: Final = 0.1
"""For which a caller is left to others, at most."""
_HASTY_SECONDS: Final = 1.0
"""For which nobody is left to others any more, once they have not taken one."""
_RETRY_SECONDS: Final = 1.0
"""Until callers are let in again, after there was no descriptor for one (as asyncio has it)."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_COUNT: Final = struct.Struct("<I")
_AWAY: Final = 0


class SharedLines:
    """How many lines each process of a service has, by its number, from 1 on: in memory that has no name."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def made(cls) -> Self:
        descriptor = os.memfd_create("lines")
        os.ftruncate(descriptor, MOST_PROCESSES * _COUNT.size)
        return cls(descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def set(self, number: int, lines: int) -> None:
        os.pwrite(self._descriptor, _COUNT.pack(lines + 1), (number - 1) * _COUNT.size)

    def leave(self, number: int) -> None:
        """It lets nobody in."""
        os.pwrite(self._descriptor, _COUNT.pack(_AWAY), (number - 1) * _COUNT.size)

    def is_ahead(self, number: int) -> bool:
        """Whether one that lets callers in has fewer lines than this one."""
        held = os.pread(self._descriptor, MOST_PROCESSES * _COUNT.size, 0)
        counts = [count for (count,) in _COUNT.iter_unpack(held)]
        return any(count != _AWAY and count < counts[number - 1] for count in counts)


@dataclass(frozen=True, slots=True)
class Share:
    """One process's part of the lines."""

    lines: SharedLines
    number: int

    def has(self, lines: int) -> None:
        self.lines.set(self.number, lines)

    def leave(self) -> None:
        self.lines.leave(self.number)

    @property
    def is_ahead(self) -> bool:
        return self.lines.is_ahead(self.number)


class Acceptor:
    """Lets callers in from a socket that other processes listen on too, within a running event loop."""

    def __init__(
        self,
        listener: socket.socket,
        line: Callable[[], asyncio.Protocol],
        held: Callable[[], int],
        share: Share,
    ) -> None:
        """``line`` makes what a caller's line begins as; ``held`` counts those that there are."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._line = line
        self._held = held
        self._share = share
        self._beginning: set[asyncio.Task[Any]] = set()
        self._left_since = 0.0
        self._hasty_until = 0.0

    def start(self) -> None:
        """In place of whatever else reads from the socket in this loop."""
        self._loop.remove_reader(self._listener)
        self._loop.add_reader(self._listener, self._look)
        self.tell()

    def tell(self) -> None:
        """How many lines there are now."""
        self._share.has(self._held() + len(self._beginning))

    def stop(self) -> None:
        """Nobody is let in any more."""
        if not self._is_closed:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        self._share.leave()

    @property
    def _is_closed(self) -> bool:
        return self._listener.fileno() < 0

    def _look(self) -> None:
        """Somebody is at the door."""
        self.tell()
        if self._share.is_ahead and self._loop.time() >= self._hasty_until:
            self._left_since = self._loop.time()
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_LOOK_SECONDS, self._look_again)
        else:
            self._let_in()

    def _look_again(self) -> None:
        """Whether who was left to others is still there."""
        if self._is_closed:
            return
        self.tell()
        is_ahead = self._share.is_ahead and self._is_somebody_there
        if is_ahead and self._loop.time() < self._left_since + _LEFT_SECONDS:
            self._loop.call_later(_LOOK_SECONDS, self._look_again)
            return
        self._loop.add_reader(self._listener, self._look)
        if is_ahead:
            self._hasty_until = self._loop.time() + _HASTY_SECONDS

    @property
    def _is_somebody_there(self) -> bool:
        door = select.poll()
        door.register(self._listener, select.POLLIN)
        return bool(door.poll(0))

    def _let_in(self) -> None:
        try:
            caller, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._rest(error)
            return
        caller.setblocking(False)
        beginning = self._loop.create_task(self._begin(caller))
        self._beginning.add(beginning)
        beginning.add_done_callback(self._begun)
        self.tell()

    async def _begin(self, caller: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._line, caller)

    def _begun(self, beginning: asyncio.Task[Any]) -> None:
        self._beginning.discard(beginning)
        if not beginning.cancelled():
            beginning.exception()

    def _rest(self, error: OSError) -> None:
        message = "socket.accept() out of system resource"
        self._loop.call_exception_handler({"message": message, "exception": error})
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_RETRY_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listener, self._look)
