"""The archive upon SQLite (`ledger_sync.bank.ports.archive`)."""

from __future__ import annotations

from typing import Final

from ledger_sync.bank.sqlite.certificates import SqliteCertificates
from ledger_sync.bank.sqlite.pending import SqlitePending
from ledger_sync.bank.sqlite.received import SqliteIssuances, SqliteRequests
from ledger_sync.bank.sqlite.shares import SqliteShares, SqliteWaiting
from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.sqlite.tokens import SqliteStatements, SqliteTokens, SqliteUnspent
from ledger_sync.bank.sqlite.transfers import SqliteTransfers
from wallet.protocol.weight import Weight

_MEASURE: Final = """
with recursive provenance (id) as (
    select ?1 union select i.origin from inputs i join provenance p on i.transfer = p.id
)
select count(t.id), count(s.id), coalesce(sum(length(coalesce(t.payload, s.payload))), 0)
from provenance p left join transfers t on t.id = p.id left join issuances s on s.id = p.id
"""


class SqliteArchive:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.shares = SqliteShares(store)
        self.pending = SqlitePending(store)
        self.waiting = SqliteWaiting(store, self.shares)
        self.unspent = SqliteUnspent(store)
        self.certificates = SqliteCertificates(store)
        self.issuances = SqliteIssuances(store)
        self.requests = SqliteRequests(store, self.shares)
        self.transfers = SqliteTransfers(store, self.shares, self.pending, self.waiting)
        self.statements = SqliteStatements(store)
        self.tokens = SqliteTokens(store, self.unspent)

    def weight(self, txid: bytes) -> Weight:
        """What a transfer and all that it descends from weigh."""
        return Weight(*map(int, self._store.row(_MEASURE, (txid,)) or (0, 0, 0)))
