"""The network switch of a process: while it is off, every socket that would reach another host is refused.

An audit hook (PEP 578) sees `socket.connect` and its kin below any library, so nothing can go round it by
mistake. Pipes and Unix sockets stay, since they reach nobody else. So does the developers' radio while it is open:
datagrams that stay on this machine's loopback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from socket import SOCK_DGRAM
from typing import Any, Final

from ledger_sync.http.peers import NoAnswer
from wallet.protocol.codes import Code

_NAMING: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_DATAGRAMS: Final = frozenset({"socket.sendto", "socket.bind"})
_EVENTS: Final = _NAMING | _DATAGRAMS | {"socket.connect", "socket.sendmsg"}
_LOCALHOST: Final = "localhost"
OFFLINE: Final = "offline"
"""The service that UNREACHABLE names where the switch is off."""


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
    def radio_over_loopback(self, is_simulated: bool) -> Iterator[None]:
        """While a simulated radio is open, datagrams from and to 127.0.0.0/8 pass, and nothing else does."""
        self._radios += is_simulated
        try:
            yield
        finally:
            self._radios -= is_simulated

    def check(self) -> None:
        """UNREACHABLE while it is off: for whoever holds a connection that was made before."""
        if self.is_off:
            raise NoAnswer(Code.UNREACHABLE, {"service": OFFLINE})

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_off or event not in _EVENTS:
            return
        address = args[1] if event not in _NAMING and len(args) > 1 else None
        if isinstance(address, (str, bytes)) or (self._radios and _is_of_radio(event, args, address)):
            return
        self.check()


def _is_of_radio(event: str, args: tuple[Any, ...], address: Any) -> bool:
    """Whether an event is the simulated radio's: a name of this machine, or a datagram socket on loopback."""
    if event in _NAMING:
        return _is_loopback(args[0])
    return event in _DATAGRAMS and args[0].type == SOCK_DGRAM and _is_loopback(address[0])


def _is_loopback(host: Any) -> bool:
    try:
        return host == _LOCALHOST or ip_address(host).is_loopback
    except ValueError:
        return False


NETWORK: Final = NetworkSwitch()
