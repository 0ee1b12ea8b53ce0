"""The network switch of a process: while it is off, every socket that would reach another host is refused.

An audit hook (PEP 578) sees `socket.connect` and its kin below any library, so nothing can go round it by
mistake. Pipes and Unix sockets stay, since they reach nobody else.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from wallet.protocol.codes import Code, Refusal

_EVENTS: Final = frozenset(
    {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.bind"}
)


class NetworkSwitch:
    """Off or on, for the whole process; the hook is set with the first switching off."""

    def __init__(self) -> None:
        self.is_off = False
        self._hooked = False
        self._radios = 0

    def turn(self, *, off: bool) -> None:
        if off and not self._hooked:
            sys.addaudithook(self._hook)
            self._hooked = True
        self.is_off = off

    @contextmanager
    def radio(self, is_simulated: bool) -> Iterator[None]:
        """While a simulated radio is used, datagrams that stay on this machine go through: it is air, no network."""
        self._radios += is_simulated
        try:
            yield
        finally:
            self._radios -= is_simulated

    def check(self) -> None:
        """UNREACHABLE while it is off: for whoever holds a connection that was made before."""
        if self.is_off:
            raise Refusal(Code.UNREACHABLE, {"service": "offline"})

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_off or event not in _EVENTS:
            return
        address = args[1] if event != "socket.getaddrinfo" and len(args) > 1 else None
        if isinstance(address, (str, bytes)):
            return
        if self._radios and _is_on_air(event, args[0], address):
            return
        self.check()


def _is_on_air(event: str, line: Any, address: Any) -> bool:
    """A datagram to this machine; and listening for datagrams, wherever (nfcpy's simulation asks for 0.0.0.0)."""
    if getattr(line, "type", None) != socket.SOCK_DGRAM:
        return False
    is_here = isinstance(address, tuple) and str(address[0]).startswith("127.")
    return event == "socket.bind" or (event == "socket.sendto" and is_here)


NETWORK: Final = NetworkSwitch()
