"""Another key for a service of a sandbox, while it runs: the operator's calls, at the service and the central bank.

Rule: the same again is success, and changes nothing. A key of the root's is none of these: a root hands over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger_sync.sandbox.network import Network, Role, Station, read_network
from ledger_sync.sandbox.operator import Order, operate
from wallet.protocol import directory
from wallet.protocol.codes import Code, Refusal

AHEAD: Final = 60
"""Seconds until a new key is good, by which time every service has heard of it."""
REST: Final = 3_600
"""Seconds for which those before are good after that."""
PURPOSES: Final = {
    "issuing": directory.Role.ISSUING,
    "policy": directory.Role.POLICY,
    "redemption": directory.Role.REDEMPTION,
}
"""Of the central bank's keys."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The new key (33 bytes), from when on it is good at the latest (unix seconds), and the policy that says so."""

    key: bytes
    since: int
    version: int


def change_key(home: Path, name: str, number: int, purpose: str = "", *, ahead: int = AHEAD) -> Changed:
    """Have key ``number`` (2 is the first that follows) of a station follow on those before. ``purpose``: which of the
    central bank's (`PURPOSES`); nothing for others. `Refusal`: NOT_FOUND, and what the services say."""
    network = read_network(home.absolute())
    station = network.station(name)
    role, bank, alias = _whose(station, purpose)
    (key,) = _asked(network, Order(name, "POST", "/v1/keys/own", [alias, number]))
    since = int(time.time()) + ahead
    order = [role, bank, key, since, REST]
    (version,) = _asked(network, Order(network.central_bank.name, "POST", "/v1/keys", order))
    return Changed(key, since, version)


def _whose(station: Station, purpose: str) -> tuple[int, str, str]:
    """Role and bank as a policy says them, and what the service calls its keys."""
    if station.role is Role.CENTRAL_BANK:
        if purpose not in PURPOSES:
            raise Refusal(Code.NOT_FOUND, {"purpose": purpose})
        return int(PURPOSES[purpose]), "", purpose
    if purpose:
        raise Refusal(Code.NOT_FOUND, {"purpose": purpose})
    if station.role is Role.NOTARY:
        return int(directory.Role.NOTARY), "", "notary"
    return 0, station.name, "bank"


def _asked(network: Network, order: Order) -> Any:
    (answer,) = operate(network, [order])
    if isinstance(answer, Refusal):
        raise answer
    return answer
