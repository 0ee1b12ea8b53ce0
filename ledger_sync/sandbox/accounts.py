"""Accounts at a sandbox's banks, opened by its operator."""

from __future__ import annotations

from ledger_sync.sandbox.network import Network
from ledger_sync.sandbox.operator import Order, operate
from wallet.protocol import codec
from wallet.protocol.codes import Refusal


def open_account(
    network: Network, bank: str, request: bytes, holder: str, *, category: int | None, opening: int
) -> str:
    """An account with ``opening`` tiyn on it, and the code that enrols a device for it.

    ``request`` (16 bytes) makes a repeat the same account; ``category`` is a shop's (ISO 18245), None for a person.
    Raises ``Refusal``: NOT_FOUND (no such bank), ACCOUNT_SHORT (the bank's own); ``KeystoreError``.
    """
    network.station(bank)
    kind = 0 if category is None else 1
    order = Order(bank, "POST", "/v1/customers", [request, holder, kind, category or 0, opening])
    (answer,) = operate(network, [order])
    if isinstance(answer, Refusal):
        raise answer
    (code,) = codec.array(answer, 1)
    return codec.text(code, 64, least=1)
