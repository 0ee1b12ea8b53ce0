"""Who the other side is, as any screen may show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counterparty:
    """The other side. A merchant's certified ``name``; for a person ``wallet`` (its pseudonym) is all there is."""

    name: str
    wallet: bytes
    bank: str
    is_merchant: bool
    category: int = 0
