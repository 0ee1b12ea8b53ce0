"""Received objects: what was uploaded or passed on, kept as it came, looked up by the id of its payload.

Each kind has its own part; a part names those that leave with it.
"""

from __future__ import annotations

from ledger_sync.bank.certificates import Certificates
from ledger_sync.bank.issuances import Issuances
from ledger_sync.bank.pending import Pending
from ledger_sync.bank.requests import Requests
from ledger_sync.bank.shares import Shares
from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.statements import Settlements, Statements
from ledger_sync.bank.terms import Capacity
from ledger_sync.bank.tokens import Tokens
from ledger_sync.bank.transfers import Transfers
from ledger_sync.bank.unspent import Unspent
from ledger_sync.bank.waiting import Waiting


class Objects:
    """The bank's archive, by parts. Each reads and writes within the caller's transaction."""

    def __init__(self, store: Store, capacity: Capacity) -> None:
        self.shares = Shares(store, capacity)
        self.pending = Pending(store)
        self.waiting = Waiting(store, self.shares)
        self.unspent = Unspent(store)
        self.certificates = Certificates(store)
        self.issuances = Issuances(store)
        self.requests = Requests(store, self.shares)
        self.transfers = Transfers(store, self.shares, self.pending, self.waiting)
        self.settlements = Settlements(store)
        self.statements = Statements(store, self.unspent)
        self.tokens = Tokens(store, self.unspent, self.settlements)
