"""Pending transfers by the keys that they concern: who signed them, and who shall have the money.

Rule: a transfer stands here from its arrival to its verdict, so that what is open of a key is found without reading
its history.
"""

from __future__ import annotations

from enum import StrEnum

from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.transfer import Refresh, ToAccount, ToPayer, Transfer


class Part(StrEnum):
    """What a key has to do with a transfer."""

    SIGNER = "signer"
    BENEFICIARY = "beneficiary"


class Pending:
    """The table of what is pending. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, txid: bytes, part: Part, key: bytes) -> None:
        self._store.insert("pending", key=key, role=part.value, transfer=txid)

    def over(self, txid: bytes) -> None:
        """The transfer has its verdict, or is kept no longer."""
        self._store.run("delete from pending where transfer = ?", (txid,))

    def concerns(self, key: bytes) -> bool:
        """Whether anything without a verdict concerns ``key``."""
        return self._store.row("select 1 from pending where key = ? limit 1", (key,)) is not None

    def waiting_of(self, signer: bytes) -> list[bytes]:
        """Transfers that ``signer`` signed and whose provenance or certificate is not at hand, though others may have
        all that they consume."""
        rows = self._store.rows(
            "select p.transfer from pending p join transfers t on t.id = p.transfer"
            " left join signers s on s.transfer = t.id"
            " where p.key = ? and p.role = 'signer' and t.stage in ('waiting', 'committed') and s.transfer is null",
            (signer,),
        )
        return [row[0] for row in rows]


def beneficiary(body: Transfer) -> bytes | None:
    """Whose key shall have the money of a transfer: the payee's, or that of who gets what is redeemed."""
    match body.redemption:
        case None:
            return body.payee
        case ToPayer(payer):
            return payer
        case Refresh(owner, _):
            return owner
        case ToAccount():
            return None
