"""Redemptions and refunds upon SQL (`ledger_sync.central_bank.ports.returns`)."""

from __future__ import annotations

from typing import Final

from ledger_sync.central_bank.ports.returns import Paid, Refunded
from ledger_sync.database.store import Store
from wallet.protocol import cose
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import TokenRef

_REDEMPTION: Final = """
select raw, value, redemptions.bank from redemptions left join issuances on issuance = id where txid = ?
"""


class SqlReturns:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def redemption(self, txid: bytes) -> Paid | None:
        row = self._store.row(_REDEMPTION, (txid,))
        if row is None:
            return None
        raw, value, bank = row
        return Paid(None if raw is None else cose.parse(Issuance, raw), value, bank)

    def keep_redemption(self, txid: bytes, paid: Paid) -> bool:
        issuance = None if paid.issuance is None else paid.issuance.id
        return self._store.insert(
            "redemptions", txid=txid, value=paid.value, issuance=issuance, bank=paid.bank
        )

    def refund(self, ref: TokenRef) -> Refunded | None:
        row = self._store.row("select bank, value from refunds where txid = ? and output = ?", ref)
        return None if row is None else Refunded(*row)

    def keep_refund(self, ref: TokenRef, refunded: Refunded) -> bool:
        return self._store.insert(
            "refunds", txid=ref.txid, output=ref.output, bank=refunded.bank, value=refunded.value
        )
