"""The operator's calls: opening accounts, issuing to banks, reading books.

Rule: the operator's key lies in a token of its own, and its calls are made in a process of their own, since one
process has one token folder open and may have a wallet's already.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import cbor2

import hsm
from ledger_sync.http.client import ServiceClient
from ledger_sync.processes import alone
from ledger_sync.sandbox.helpers import heard
from ledger_sync.sandbox.making import OPERATOR, module_environment
from ledger_sync.sandbox.network import Network
from ledger_sync.service.keys import KEYSTORE, PIN
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal

_ALIAS: Final = "operator"
_LOCK: Final = "operator.lock"


@dataclass(frozen=True, slots=True)
class Order:
    """One call of the operator: to which station, GET or POST, the path, the body's value (None for GET)."""

    station: str
    method: str
    path: str
    value: Cbor = None


def operate(network: Network, orders: Sequence[Order]) -> list[Cbor | Refusal]:
    """What the stations answered, in order; a refused call gives its `Refusal`, the others go on."""
    with alone(network.home / _LOCK):
        return _operate(network, orders)


def _operate(network: Network, orders: Sequence[Order]) -> list[Cbor | Refusal]:
    asked = cbor2.dumps([[order.station, order.method, order.path, order.value] for order in orders])
    done = subprocess.run(
        [sys.executable, "-m", "ledger_sync.sandbox", "operate", str(network.home)],
        input=asked,
        env=module_environment(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise heard(done.stderr, "operator")
    answers: list[Any] = cbor2.loads(done.stdout)
    return [answer[0] if len(answer) == 1 else Refusal(Code(answer[0]), answer[1]) for answer in answers]


def serve(network: Network, asked: BinaryIO, answers: BinaryIO) -> None:
    """The other end of `operate`, inside its process."""
    folder = network.home / OPERATOR
    keystore = hsm.open_keystore(
        folder / KEYSTORE, hsm.pin_from_file(folder / PIN), clock=_now, random=os.urandom
    )
    try:
        given = []
        for station, method, path, value in cbor2.load(asked):
            client = ServiceClient(
                network.station(station).url,
                keystore.public_key(_ALIAS),
                lambda message: keystore.sign(_ALIAS, message),
                _now,
                os.urandom,
            )
            try:
                given.append([client.get(path) if method == "GET" else client.post(path, value)])
            except Refusal as refusal:
                given.append([refusal.code.value, dict(refusal.facts)])
            finally:
                client.close()
        cbor2.dump(given, answers)
    finally:
        keystore.lock()


def _now() -> int:
    return int(time.time())
