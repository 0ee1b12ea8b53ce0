"""A wallet's line to its bank: calls signed by the device's key, dated by the wallet, made once more where the date was
wrong.

Rule: nothing is opened before the first call, and every line of a wallet is put together here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hsm.keystore import Keystore
from ledger_sync.client.bank import BankClient, Service
from ledger_sync.client.patience import Patience, waiting
from ledger_sync.client.timing import keep_time
from wallet.wallet import Wallet

DEVICE_ALIAS = "device"
"""The key by which a bank knows this device; it signs calls, never money."""


def connect(
    wallet: Wallet,
    keystore: Keystore,
    *,
    bank: str,
    url: str,
    random: Callable[[int], bytes],
    is_stopped: Callable[[], bool] = lambda: False,
    through: Callable[[Service], Service] = lambda service: service,
    authority: Path | None = None,
) -> BankClient:
    """The bank ``bank`` at ``url``, for the device whose key DEVICE_ALIAS is in ``keystore``; made if there is none.

    ``random`` gives so many random bytes. A call ends as UNREACHABLE once ``is_stopped`` says so, one that waits for a
    busy bank too; ``through`` may stand in the line and see every call. Over TLS a bank is believed whose certificate
    is of ``authority`` (a PEM file) and no other; without one, of any that this machine trusts. Raises ``NoAnswer``:
    UNREACHABLE for what is no address; ``KeystoreError``; ``OSError``, ``ValueError``: no certificate in that file.
    """
    from ledger_sync.http.client import ServiceClient, by_authority

    if DEVICE_ALIAS in keystore.aliases():
        device = keystore.public_key(DEVICE_ALIAS)
    else:
        device = keystore.create_key(DEVICE_ALIAS)
    service = ServiceClient(
        url,
        device,
        lambda message: keystore.sign(DEVICE_ALIAS, message),
        wallet.dating.now,
        random,
        connect=by_authority(authority),
        is_stopped=is_stopped,
    )
    patience = Patience(waiting(is_stopped), random)
    client = BankClient(through(service), bank, device, service.close, patience)
    keep_time(wallet, client, random)
    return client
