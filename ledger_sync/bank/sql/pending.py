"""Pending transfers upon SQL (`ledger_sync.bank.ports.pending`)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from ledger_sync.database.store import Store
from wallet.protocol.certificate import Certificate
from wallet.protocol.transfer import Transfer

_UNJUDGED: Final = (
    "select p.transfer from pending p join transfers t on t.id = p.transfer"
    " left join signers s on s.transfer = t.id"
    " where p.key = ? and p.role = 'signer' and s.transfer is null and t.stage"
)
_COVERED: Final = (
    "select transfer from uncovered where key = ?1 and what = 'payment' and time between ?2 and ?3"
    " union all select transfer from uncovered where key = ?1 and what = 'redemption' and time >= ?2"
)
"""As `wallet.protocol.validity.is_signed_under` says: a redemption may come after its certificate's end."""


class Part(StrEnum):
    """What a key has to do with a transfer."""

    SIGNER = "signer"
    BENEFICIARY = "beneficiary"


class SqlPending:
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
        for table in ("pending", "uncovered"):
            self._store.run(f"delete from {table} where transfer = ?", (txid,))

    def lack_certificate(self, of: Iterable[tuple[bytes, bytes, Transfer]]) -> None:
        """Transfers with their signers that no certificate covers."""
        self._store.run_each(
            "insert into uncovered (key, what, time, transfer) values (?, ?, ?, ?) on conflict do nothing",
            [(key, _what(body), body.time, txid) for txid, key, body in of],
        )

    def covered(self, certificate: Certificate) -> list[bytes]:
        """Those of them that are signed under it."""
        rows = self._store.rows(_COVERED, (certificate.key, certificate.issued, certificate.expires))
        self._store.run_each("delete from uncovered where transfer = ?", rows)
        return [txid for (txid,) in rows]

    def concerns(self, key: bytes) -> bool:
        """Whether anything without a verdict concerns ``key``."""
        return self._store.row("select 1 from pending where key = ? limit 1", (key,)) is not None

    def waiting_of(self, signer: bytes, after: bytes, most: int) -> list[bytes]:
        """Transfers that ``signer`` signed and that were not judged."""
        sql = f"{_UNJUDGED} in ('waiting', 'committed') and p.transfer > ? order by p.transfer limit ?"
        return [row[0] for row in self._store.rows(sql, (signer, after, most))]

    def ended_of(self, signer: bytes) -> list[bytes]:
        """Those of them that are decided."""
        return [
            row[0] for row in self._store.rows(f"{_UNJUDGED} = 'committed' order by p.transfer", (signer,))
        ]


def _what(body: Transfer) -> str:
    return "payment" if body.redemption is None else "redemption"
