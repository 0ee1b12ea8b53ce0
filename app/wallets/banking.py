"""A wallet's line to its bank: the device key signs every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.wallets.offline import NETWORK, NetworkSwitch
from app.wallets.opened import OpenWallet, Random
from ledger_sync.client.bank import BankClient
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal

if TYPE_CHECKING:
    from ledger_sync.client.bank import Service

DEVICE_ALIAS = "device"
"""The key by which a bank knows this device; it signs calls, never money."""


@contextmanager
def bank_line(opened: OpenWallet, random: Random) -> Iterator[BankClient]:
    """Calls to the bank of an open wallet, dated by the wallet. What it raises is what the bank refuses, or
    UNREACHABLE."""
    from ledger_sync.client.timing import keep_time
    from ledger_sync.http.client import ServiceClient

    keystore = opened.keystore
    device_key = keystore.public_key(DEVICE_ALIAS)
    service = ServiceClient(
        opened.profile.url,
        device_key,
        lambda digest: keystore.sign_digest(DEVICE_ALIAS, digest),
        opened.wallet.dating.now,
        random,
    )
    bank = BankClient(Switched(service), opened.profile.bank, device_key)
    keep_time(opened.wallet, bank, random)
    try:
        yield bank
    except Refusal as refusal:
        raise opened.wallet.dating.odd(refusal) from refusal
    finally:
        service.close()


class Switched:
    """A line that is dead while the network is switched off, also one that was connected before."""

    def __init__(self, service: Service, network: NetworkSwitch = NETWORK) -> None:
        self._service = service
        self._network = network

    def get(self, path: str) -> Cbor:
        self._network.check()
        return self._service.get(path)

    def post(self, path: str, value: Cbor) -> Cbor:
        self._network.check()
        return self._service.post(path, value)
