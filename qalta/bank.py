"""A bank's own systems: the operator's calls to its node. docs/banks.md tells how a node is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qalta._lazy import names

if TYPE_CHECKING:
    from ledger_sync.client.operator import BankBooks, BankOperator, connect_operator

__all__ = [
    "BankBooks",
    "BankOperator",
    "connect_operator",
]

_ROOMS: Final = {
    "ledger_sync.client.operator": (
        "BankBooks",
        "BankOperator",
        "connect_operator",
    ),
}

__getattr__, __dir__ = names(__name__, _ROOMS)
