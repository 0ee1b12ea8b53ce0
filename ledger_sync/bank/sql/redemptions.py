"""Redemptions upon SQL (`ledger_sync.bank.ports.redemptions`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.parsed import load
from ledger_sync.bank.ports.redemptions import Opened, Outcome
from ledger_sync.bank.sql.sets import ids
from ledger_sync.database.store import Store
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer

_SIGNED_BY: Final = (
    "select distinct t.payload, c.signature, k.value from tokens o"
    " join inputs i on i.origin = o.origin and i.output = o.output"
    " join transfers t on t.id = i.transfer join copies c on c.transfer = t.id and c.signer = o.owner"
    " join tokens k on k.origin = t.id and k.output = 0 where o.owner = ? and k.value is not null"
)
_UNDER_WAY: Final = (
    "select 1 from redemptions r where r.customer = ? and r.done = 0"
    " and exists (select 1 from copies c where c.transfer = r.transfer and c.signer = ?) limit 1"
)


class SqlRedemptions:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, txid: bytes, opened: Opened) -> bool:
        return self._store.insert(
            "redemptions", transfer=txid, customer=opened.account, settled=opened.settled
        )

    def get(self, txid: bytes) -> Opened | None:
        row = self._store.row("select customer, settled from redemptions where transfer = ?", (txid,))
        return None if row is None else Opened(*row)

    def done(self, txid: bytes, value: int, issuance: bytes | None) -> bool:
        sql = "update redemptions set done = 1, value = ?, issuance = ? where transfer = ? and done = ?"
        was_open = self._store.run(sql, (value, issuance, txid, 0)) == 1
        if not was_open:
            self._store.run(sql, (value, issuance, txid, 1))
        return was_open

    def under_way(self) -> Sequence[tuple[bytes, int]]:
        rows = self._store.rows("select transfer, settled from redemptions where done = 0")
        return sorted((txid, value) for txid, value in rows)

    def is_under_way(self, account: str, signer: bytes) -> bool:
        return self._store.row(_UNDER_WAY, (account, signer)) is not None

    def outcomes(self, txids: Collection[bytes]) -> Mapping[bytes, Outcome]:
        found: dict[bytes, Outcome] = {}
        for places, values in ids(txids):
            sql = (
                "select r.transfer, r.value, i.payload, i.signature from redemptions r"
                f" left join issuances i on i.id = r.issuance where r.done = 1 and r.transfer in {places}"
            )
            for txid, value, payload, signature in self._store.rows(sql, values):
                issuance = None if payload is None else load(Issuance, payload, signature)
                found[txid] = Outcome(issuance, value)
        return found

    def giving(self, issuance: bytes) -> bytes | None:
        txid: bytes | None = self._store.value(
            "select transfer from redemptions where issuance = ?", (issuance,)
        )
        return txid

    def signed_by(self, key: bytes) -> Sequence[tuple[Signed[Transfer], int]]:
        rows = self._store.rows(_SIGNED_BY, (key,))
        made = [(load(Transfer, payload, signature), value) for payload, signature, value in rows]
        return [(transfer, value) for transfer, value in made if transfer.body.redemption is not None]
