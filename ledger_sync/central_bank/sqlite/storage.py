"""The central bank's storage upon SQLite: one store, and every port upon it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from ledger_sync.central_bank.sqlite.books import SqliteBooks
from ledger_sync.central_bank.sqlite.claims import SqliteClaims
from ledger_sync.central_bank.sqlite.directories import SqliteDirectoryForms
from ledger_sync.central_bank.sqlite.issuances import SqliteIssuances
from ledger_sync.central_bank.sqlite.policy import SqlitePolicyLog
from ledger_sync.central_bank.sqlite.questions import SqliteQuestions
from ledger_sync.central_bank.sqlite.returns import SqliteReturns
from ledger_sync.central_bank.sqlite.store import Store
from ledger_sync.central_bank.sqlite.winners import SqliteWinners


class SqliteStorage:
    """`ledger_sync.central_bank.ports.storage.Storage` in one file."""

    def __init__(self, path: Path | str) -> None:
        """``Refusal`` where the file can't be opened (`wallet.database.connect`)."""
        self.store = Store(path)
        self.books = SqliteBooks(self.store)
        self.issuances = SqliteIssuances(self.store)
        self.returns = SqliteReturns(self.store)
        self.winners = SqliteWinners(self.store)
        self.questions = SqliteQuestions(self.store)
        self.claims = SqliteClaims(self.store)
        self.policy = SqlitePolicyLog(self.store)
        self.directories = SqliteDirectoryForms(self.store)

    def transaction(self) -> AbstractContextManager[None]:
        return self.store.transaction()

    def close(self) -> None:
        self.store.close()
