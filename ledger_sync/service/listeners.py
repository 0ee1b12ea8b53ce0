"""The listeners of a service's process: one for its callers, and one for who reads its figures.

Rule: every address is bound before the first caller is let in anywhere, so whoever was told that the service serves
finds all of it. All of them end together, once the calls under way are answered. Of a socket that several processes
listen on, each takes one caller at a time, so that the next one is for whoever is idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

from ledger_sync.service.settings import Address, SettingsError, Why
from ledger_sync.service.tls import Handshakes, ServerTls
from ledger_sync.service.wire import Wire, WireBounds, wire

_GRACE_SECONDS: Final = 5
_IDLE_SECONDS: Final = 30
_DATE_SECONDS: Final = 1
"""For which an answer's date is right."""
BACKLOG: Final = 512
"""Callers that wait to be let in. Python's loop without descriptors tries, and complains, so often a second."""
_TAKEN_AT_ONCE: Final = 1
"""Callers that are let in where others may do it, before anything else is looked at."""


def bound(at: Address, setting: str) -> socket.socket:
    """A socket that is listened on there. `SettingsError` with ``setting``, where the address stands.

    What is accepted there sends at once, as the socket itself does (Linux, tcp(7)): asyncio sees to that only where a
    socket was made for TCP by name, which this one is not, and each answer would wait 40 ms for an acknowledgement.
    """
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    try:
        listener = socket.create_server((at.host, at.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise SettingsError(setting, Why.TAKEN if taken else Why.UNFIT) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@dataclass(frozen=True, slots=True)
class Shared:
    """A socket that other processes listen on too; `opened` is called once callers are let in."""

    listener: socket.socket
    opened: Callable[[], None] = lambda: None


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listener: socket.socket, opened: Callable[[], None]) -> None:
        super().__init__(config)
        self.listener = listener
        self._opened = opened
        self._wake: Callable[[], object] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Python's loop takes as many callers at once as may wait: that number is set right again."""
        await super().startup(sockets)
        self.listener.listen(BACKLOG)
        self._opened()

    def end(self) -> None:
        """Safe in a signal handler, before anything is served and after."""
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._wake()

    async def main_loop(self) -> None:
        """uvicorn looks ten times a second whether it shall end; this is told, and looks at the date."""
        told = asyncio.Event()
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, told.set)
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), _DATE_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: uvicorn would raise them again before the keystore is locked."""
        yield


class Listeners:
    """What is served. `stop` may be called from a signal handler, also before anything is."""

    def __init__(self) -> None:
        self._servers: list[_Server] = []
        self._is_stopped = False

    def add(
        self, app: Starlette, at: socket.socket | Shared, bounds: WireBounds, tls: ServerTls | None = None
    ) -> None:
        """Have an application served there, by plain HTTP or over TLS; the socket is closed in the end."""
        shared = at if isinstance(at, Shared) else None
        listener = at.listener if isinstance(at, Shared) else at
        speaks: Any = wire(bounds) if tls is None else _secured(wire(bounds), Handshakes(tls, bounds))
        config = uvicorn.Config(
            app,
            http=speaks,
            ws="none",
            backlog=BACKLOG if shared is None else _TAKEN_AT_ONCE,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_IDLE_SECONDS,
        )
        opened = shared.opened if shared else lambda: None
        self._servers.append(_Server(config, listener, opened))

    def stop(self) -> None:
        """Let everybody finish, and end."""
        self._is_stopped = True
        for server in self._servers:
            server.end()

    def serve(self) -> None:
        """Serve until `stop`."""
        if not self._is_stopped:
            asyncio.run(self._all(self._servers))
        for server in self._servers:
            server.listener.close()

    async def _all(self, servers: Sequence[_Server]) -> None:
        await asyncio.gather(*(self._one(server) for server in servers))

    async def _one(self, server: _Server) -> None:
        """Where one ends, or cannot begin, so do the others."""
        try:
            await server.serve([server.listener])
        finally:
            self.stop()


def _secured(made: type[Wire], handshakes: Handshakes) -> Callable[..., asyncio.Protocol]:
    """What uvicorn calls for each line that comes in."""

    def line(**named: Any) -> asyncio.Protocol:
        return handshakes.door(partial(made, **named))

    return line
