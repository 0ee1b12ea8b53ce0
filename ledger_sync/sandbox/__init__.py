"""A whole network on one machine: central bank, two banks and a notary, each an operating system process with its
own keys and store, on loopback."""

from ledger_sync.sandbox.accounts import open_account
from ledger_sync.sandbox.making import SandboxOptions
from ledger_sync.sandbox.network import Network, Role, Station, read_network
from ledger_sync.sandbox.new_keys import change_key
from ledger_sync.sandbox.operator import Order, operate
from ledger_sync.sandbox.parts import ServicesMissing, require_services
from ledger_sync.sandbox.supervisor import (
    State,
    Status,
    confirm_clocks,
    go_on_without,
    kill,
    start,
    status,
    stop,
)

__all__ = [
    "Network",
    "Order",
    "Role",
    "SandboxOptions",
    "ServicesMissing",
    "State",
    "Station",
    "Status",
    "change_key",
    "confirm_clocks",
    "go_on_without",
    "kill",
    "open_account",
    "operate",
    "read_network",
    "require_services",
    "start",
    "status",
    "stop",
]
