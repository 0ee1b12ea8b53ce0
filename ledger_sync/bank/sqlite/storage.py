"""The bank's storage upon SQLite: one store, and every port upon it."""

from __future__ import annotations

from pathlib import Path

from ledger_sync.bank.sqlite.accounts import SqliteAccounts
from ledger_sync.bank.sqlite.archive import SqliteArchive
from ledger_sync.bank.sqlite.caused import SqliteCaused
from ledger_sync.bank.sqlite.compensations import SqliteCompensations
from ledger_sync.bank.sqlite.conflicts import SqliteConflicts
from ledger_sync.bank.sqlite.customers import SqliteCustomers
from ledger_sync.bank.sqlite.feed import SqliteFeed
from ledger_sync.bank.sqlite.fundings import SqliteFundings
from ledger_sync.bank.sqlite.jobs import SqliteJobs
from ledger_sync.bank.sqlite.movements import SqliteMovements
from ledger_sync.bank.sqlite.recipients import SqliteRecipients
from ledger_sync.bank.sqlite.redemptions import SqliteRedemptions
from ledger_sync.bank.sqlite.refunds import SqliteRefunds
from ledger_sync.bank.sqlite.revocations import SqliteRevocations
from ledger_sync.bank.sqlite.settlements import SqliteSettlements
from ledger_sync.bank.sqlite.signing_history import SqliteSigningHistory
from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.sqlite.wallets import SqliteWallets


class SqliteStorage:
    """``store`` is what all its ports stand on."""

    def __init__(self, path: Path | str) -> None:
        """``Refusal`` where the file can't be opened (`wallet.database.connect`)."""
        self.store = Store(path)
        self.unit = self.store
        self.accounts = SqliteAccounts(self.store)
        self.customers = SqliteCustomers(self.store)
        self.fundings = SqliteFundings(self.store)
        self.movements = SqliteMovements(self.store)
        self.wallets = SqliteWallets(self.store)
        self.revocations = SqliteRevocations(self.store)
        self.signing_history = SqliteSigningHistory(self.store)
        self.settlements = SqliteSettlements(self.store)
        self.conflicts = SqliteConflicts(self.store)
        self.jobs = SqliteJobs(self.store)
        self.caused = SqliteCaused(self.store)
        self.compensations = SqliteCompensations(self.store)
        self.redemptions = SqliteRedemptions(self.store)
        self.refunds = SqliteRefunds(self.store)
        self.feed = SqliteFeed(self.store)
        self.archive = SqliteArchive(self.store)
        self.recipients = SqliteRecipients(self.store)

    def close(self) -> None:
        self.store.close()
