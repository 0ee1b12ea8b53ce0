"""The archive upon SQL (`ledger_sync.bank.ports.archive`)."""

from __future__ import annotations

from typing import Final

from ledger_sync.bank.sql.certificates import SqlCertificates
from ledger_sync.bank.sql.pending import SqlPending
from ledger_sync.bank.sql.received import SqlIssuances, SqlRequests
from ledger_sync.bank.sql.shares import SqlRefused, SqlShares, SqlWaiting
from ledger_sync.bank.sql.tokens import SqlStatements, SqlTokens, SqlUnspent
from ledger_sync.bank.sql.transfers import SqlTransfers
from ledger_sync.database.store import Store
from wallet.protocol.weight import Weight

_MEASURE: Final = """
with recursive provenance (id) as (
    select ?1 union select i.origin from inputs i join provenance p on i.transfer = p.id
)
select count(t.id), count(s.id), coalesce(sum(length(coalesce(t.payload, s.payload))), 0)
from provenance p left join transfers t on t.id = p.id left join issuances s on s.id = p.id
"""


class SqlArchive:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.shares = SqlShares(store)
        self.pending = SqlPending(store)
        self.waiting = SqlWaiting(store, self.shares)
        self.refused = SqlRefused(store, self.shares, self.waiting)
        self.unspent = SqlUnspent(store)
        self.certificates = SqlCertificates(store)
        self.issuances = SqlIssuances(store)
        self.requests = SqlRequests(store, self.shares)
        self.transfers = SqlTransfers(store, self.shares, self.pending, self.waiting, self.refused)
        self.statements = SqlStatements(store)
        self.tokens = SqlTokens(store, self.unspent)

    def weight(self, txid: bytes) -> Weight:
        """What a transfer and all that it descends from weigh."""
        return Weight(*map(int, self._store.row(_MEASURE, (txid,)) or (0, 0, 0)))
