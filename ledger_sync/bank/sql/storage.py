"""The bank's storage upon SQL: one store, and every port upon it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.sql.accounts import SqlAccounts
from ledger_sync.bank.sql.archive import SqlArchive
from ledger_sync.bank.sql.caused import SqlCaused
from ledger_sync.bank.sql.compensations import SqlCompensations
from ledger_sync.bank.sql.conflicts import SqlConflicts
from ledger_sync.bank.sql.customers import SqlCustomers
from ledger_sync.bank.sql.feed import SqlFeed
from ledger_sync.bank.sql.fundings import SqlFundings
from ledger_sync.bank.sql.jobs import SqlJobs
from ledger_sync.bank.sql.movements import SqlMovements
from ledger_sync.bank.sql.plain import SqlPlainUploads
from ledger_sync.bank.sql.recipients import SqlRecipients
from ledger_sync.bank.sql.redemptions import SqlRedemptions
from ledger_sync.bank.sql.refunds import SqlRefunds
from ledger_sync.bank.sql.revocations import SqlRevocations
from ledger_sync.bank.sql.settlements import SqlSettlements
from ledger_sync.bank.sql.signing_history import SqlSigningHistory
from ledger_sync.bank.sql.waiting import waiting
from ledger_sync.bank.sql.wallets import SqlWallets
from ledger_sync.database.store import Kind, Store
from ledger_sync.service.waiting import Waiting
from wallet.database import Schema

SCHEMA: Final = Schema("ledger_sync.bank.sql")
KIND: Final = Kind("bank", SCHEMA)


class SqlStorage:
    """``store`` is what all its ports stand on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.unit = self.store
        self.accounts = SqlAccounts(self.store)
        self.customers = SqlCustomers(self.store)
        self.fundings = SqlFundings(self.store)
        self.movements = SqlMovements(self.store)
        self.wallets = SqlWallets(self.store)
        self.revocations = SqlRevocations(self.store)
        self.signing_history = SqlSigningHistory(self.store)
        self.settlements = SqlSettlements(self.store)
        self.conflicts = SqlConflicts(self.store)
        self.jobs = SqlJobs(self.store)
        self.caused = SqlCaused(self.store)
        self.compensations = SqlCompensations(self.store)
        self.redemptions = SqlRedemptions(self.store)
        self.refunds = SqlRefunds(self.store)
        self.feed = SqlFeed(self.store)
        self.archive = SqlArchive(self.store)
        self.plain = SqlPlainUploads(self.store)
        self.recipients = SqlRecipients(self.store)

    def waiting(self) -> Sequence[Waiting]:
        return waiting(self.store)

    def close(self) -> None:
        self.store.close()
