"""Recipients upon SQLite (`ledger_sync.bank.ports.recipients`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.sqlite.sets import ids
from ledger_sync.bank.sqlite.store import Store
from wallet.database import insertion
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed

_PLACED: Final = insertion("placed", ("key", "object"), unless_there=True)


class SqliteRecipients:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, concerned: Collection[tuple[bytes, bytes]]) -> None:
        self._store.run_each(_PLACED, concerned)

    def concerning(self, key: bytes) -> Sequence[bytes]:
        rows = self._store.rows("select object from placed where key = ? order by object", (key,))
        return [row[0] for row in rows]

    def banks_of(self, keys: Collection[bytes], but: str) -> Mapping[bytes, Sequence[str]]:
        found: dict[bytes, list[str]] = defaultdict(list)
        for places, values in ids(keys):
            sql = f"select distinct key, bank from certificates where key in {places} and bank <> ? order by bank"
            for key, bank in self._store.rows(sql, [*values, but]):
                found[key].append(bank)
        return found

    def is_first(self, certificate: Signed[Certificate]) -> bool:
        sql = "select 1 from certificates where key = ? and bank = ? and id <> ? limit 1"
        body = certificate.body
        return self._store.row(sql, (body.key, body.bank, certificate.id)) is None

    def brought(self, txid: bytes, uploader: str, *, whole: bool) -> bool:
        sql = "select 1 from uploads where transfer = ? and uploader = ? and whole >= ?"
        return self._store.row(sql, (txid, uploader, int(whole))) is not None
