"""A wallet's line to its bank: the device key signs every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.wallets.missing import MissingPart
from app.wallets.offline import NETWORK, NetworkSwitch
from app.wallets.opened import OpenWallet, Random
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal

if TYPE_CHECKING:
    from ledger_sync.client.bank import BankClient, Service
    from ledger_sync.http.client import Connect


def by_authority_at(authority: Path | None) -> Connect:
    """How services are reached: by TLS certificates of the authority in this file, where one is named. MissingPart
    where none is in it."""
    from ledger_sync.http.client import by_authority

    try:
        return by_authority(authority)
    except (OSError, ValueError):
        raise MissingPart("missing.authority", name=str(authority)) from None


@contextmanager
def bank_line(
    opened: OpenWallet,
    random: Random,
    is_stopped: Callable[[], bool] = lambda: False,
    network: NetworkSwitch = NETWORK,
) -> Iterator[BankClient]:
    """Calls to the bank of an open wallet, dated by the wallet. What it raises is what the bank refuses, or
    UNREACHABLE: also once ``is_stopped`` says so or the network is switched off, in the middle of a call."""
    from ledger_sync.client.connecting import connect

    authority = Path(opened.profile.authority) if opened.profile.authority else None
    by_authority_at(authority)
    bank = connect(
        opened.wallet,
        opened.keystore,
        bank=opened.profile.bank,
        url=opened.profile.url,
        random=random,
        is_stopped=lambda: network.is_off or is_stopped(),
        through=lambda service: NetworkGate(service, network),
        authority=authority,
    )
    try:
        yield bank
    except Refusal as refusal:
        raise opened.wallet.dating.odd(refusal) from refusal
    finally:
        bank.close()


class NetworkGate:
    """A line that is dead while the network is switched off, also one that was connected before. Who is cut off in a
    call is told that the switch is off, and not that the bank does not answer."""

    def __init__(self, service: Service, network: NetworkSwitch = NETWORK) -> None:
        self._service = service
        self._network = network

    def get(self, path: str) -> Cbor:
        return self._on(lambda: self._service.get(path))

    def post(self, path: str, value: Cbor) -> Cbor:
        return self._on(lambda: self._service.post(path, value))

    def _on(self, call: Callable[[], Cbor]) -> Cbor:
        self._network.check()
        try:
            return call()
        except Refusal:
            self._network.check()
            raise
