"""Recipients upon SQL (`ledger_sync.bank.ports.recipients`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger_sync.database.store import Store
from wallet.database import insertion
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed

_PLACED: Final = insertion("placed", ("key", "object"), unless_there=True)


class SqlRecipients:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, concerned: Collection[tuple[bytes, bytes]]) -> None:
        self._store.run_each(_PLACED, concerned)

    def concerning(self, key: bytes, after: bytes, most: int) -> Sequence[bytes]:
        sql = "select object from placed where key = ? and object > ? order by object limit ?"
        return [row[0] for row in self._store.rows(sql, (key, after, most))]

    def is_first(self, certificate: Signed[Certificate]) -> bool:
        sql = "select 1 from certificates where key = ? and bank = ? and id <> ? limit 1"
        body = certificate.body
        return self._store.row(sql, (body.key, body.bank, certificate.id)) is None

    def brought(self, txid: bytes, uploader: str, *, whole: bool) -> bool:
        sql = "select 1 from uploads where transfer = ? and uploader = ? and whole >= ?"
        return self._store.row(sql, (txid, uploader, int(whole))) is not None
