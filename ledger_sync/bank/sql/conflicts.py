"""Conflicts upon SQL (`ledger_sync.bank.ports.conflicts`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from ledger_sync.bank.sql.sets import ids
from ledger_sync.database.store import Store


class SqlConflicts:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lacks(self, txid: bytes, wanted: bytes) -> None:
        self._store.insert("lacks", transfer=txid, wanted=wanted)

    def lacks_no_more(self, txid: bytes, wanted: Collection[bytes]) -> None:
        self._store.run_each(
            "delete from lacks where transfer = ? and wanted = ?", [(txid, one) for one in wanted]
        )

    def lacking(self, wanted: bytes) -> Sequence[bytes]:
        rows = self._store.rows("select transfer from lacks where wanted = ? order by transfer", (wanted,))
        return [row[0] for row in rows]

    def lacking_each(self, wanted: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for places, values in ids(wanted):
            sql = f"select wanted, transfer from lacks where wanted in {places} order by wanted, transfer"
            for name, txid in self._store.rows(sql, values):
                found[name].append(txid)
        return found

    def wanted_by(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for places, values in ids(txids):
            sql = f"select transfer, wanted from lacks where transfer in {places} order by transfer, wanted"
            for txid, wanted in self._store.rows(sql, values):
                found[txid].append(wanted)
        return found

    def was_shown(self, txid: bytes, wanted: bytes) -> None:
        self._ended(txid, wanted, 1)

    def was_not_shown(self, txid: bytes, wanted: bytes) -> None:
        self._ended(txid, wanted, 0)

    def _ended(self, txid: bytes, wanted: bytes, shown: int) -> None:
        self._store.insert("challenges", transfer=txid, wanted=wanted, shown=shown)
        self.lacks_no_more(txid, [wanted])

    def shown(self, txid: bytes) -> Collection[bytes]:
        return self._that_ended(txid, 1)

    def not_shown(self, txid: bytes) -> Collection[bytes]:
        return self._that_ended(txid, 0)

    def _that_ended(self, txid: bytes, shown: int) -> Collection[bytes]:
        sql = "select wanted from challenges where transfer = ? and shown = ?"
        return {row[0] for row in self._store.rows(sql, (txid, shown))}
