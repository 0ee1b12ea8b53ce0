"""Issuances that came, kept as they came.

Rule: what is here was checked by whoever stored it (`ledger_sync.bank.intake`).
"""

from __future__ import annotations

from ledger_sync.bank.parsed import load
from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance


class Issuances:
    """The table of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def knows(self, issuance_id: bytes) -> bool:
        return self._store.row("select 1 from issuances where id = ?", (issuance_id,)) is not None

    def add(self, signed: Signed[Issuance]) -> bool:
        return self._store.insert(
            "issuances",
            id=signed.id,
            owner=signed.body.owner,
            payload=signed.payload,
            signature=signed.signature,
        )

    def get(self, issuance_id: bytes) -> Signed[Issuance] | None:
        row = self._store.row("select payload, signature from issuances where id = ?", (issuance_id,))
        return None if row is None else load(Issuance, *row)
