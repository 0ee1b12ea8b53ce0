"""Pending transfers upon SQLite (`ledger_sync.bank.ports.pending`)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from ledger_sync.bank.sqlite.store import Store


class Part(StrEnum):
    """What a key has to do with a transfer."""

    SIGNER = "signer"
    BENEFICIARY = "beneficiary"


class SqlitePending:
    """The table of what is pending."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, part: Part, of: Iterable[tuple[bytes, bytes]]) -> None:
        """Transfers with the keys that each concerns so."""
        self._store.run_each(
            "insert into pending (key, role, transfer) values (?, ?, ?) on conflict do nothing",
            [(key, part.value, txid) for txid, key in of],
        )

    def over(self, txid: bytes) -> None:
        """The transfer has its verdict, or is kept no longer."""
        self._store.run("delete from pending where transfer = ?", (txid,))

    def concerns(self, key: bytes) -> bool:
        """Whether anything without a verdict concerns ``key``."""
        return self._store.row("select 1 from pending where key = ? limit 1", (key,)) is not None

    def waiting_of(self, signer: bytes) -> list[bytes]:
        """Transfers that ``signer`` signed and that were not judged."""
        rows = self._store.rows(
            "select p.transfer from pending p join transfers t on t.id = p.transfer"
            " left join signers s on s.transfer = t.id"
            " where p.key = ? and p.role = 'signer' and t.stage in ('waiting', 'committed') and s.transfer is null",
            (signer,),
        )
        return [row[0] for row in rows]
