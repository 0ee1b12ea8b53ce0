"""A whole network on this machine to try an integration against: central bank, two banks, a notary, on loopback.

Needs the extra `service`; ``start`` raises ``ServicesMissing`` without it. Money in it is worth nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qalta._lazy import names

if TYPE_CHECKING:
    from ledger_sync.sandbox.accounts import open_account
    from ledger_sync.sandbox.making import SandboxOptions
    from ledger_sync.sandbox.network import Network, Role, Station, read_network
    from ledger_sync.sandbox.parts import ServicesMissing
    from ledger_sync.sandbox.supervisor import State, Status, kill, start, status, stop

__all__ = [
    "Network",
    "Role",
    "SandboxOptions",
    "ServicesMissing",
    "State",
    "Station",
    "Status",
    "kill",
    "open_account",
    "read_network",
    "start",
    "status",
    "stop",
]

_ROOMS: Final = {
    "ledger_sync.sandbox.accounts": ("open_account",),
    "ledger_sync.sandbox.making": ("SandboxOptions",),
    "ledger_sync.sandbox.network": (
        "Network",
        "Role",
        "Station",
        "read_network",
    ),
    "ledger_sync.sandbox.parts": ("ServicesMissing",),
    "ledger_sync.sandbox.supervisor": (
        "State",
        "Status",
        "kill",
        "start",
        "status",
        "stop",
    ),
}

__getattr__, __dir__ = names(__name__, _ROOMS)
