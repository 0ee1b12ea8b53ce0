"""A wallet's line to its bank: the device key signs every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.context import Context, OpenWallet
from ledger_sync.client.bank import BankClient

DEVICE_ALIAS = "device"
"""The key by which a bank knows this device; it signs calls, never money."""


@contextmanager
def bank_line(opened: OpenWallet, context: Context) -> Iterator[BankClient]:
    """Calls to the bank of an open wallet. What it raises is what the bank refuses, or UNREACHABLE."""
    from ledger_sync.http.client import ServiceClient

    keystore = opened.keystore
    device_key = keystore.public_key(DEVICE_ALIAS)
    service = ServiceClient(
        opened.profile.url,
        device_key,
        lambda digest: keystore.sign_digest(DEVICE_ALIAS, digest),
        context.clock,
        context.random,
    )
    try:
        yield BankClient(service, opened.profile.bank, device_key)
    finally:
        service.close()
