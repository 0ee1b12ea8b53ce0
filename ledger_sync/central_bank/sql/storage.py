"""The central bank's storage upon SQL: one store, and every port upon it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from ledger_sync.central_bank.sql.books import SqlBooks
from ledger_sync.central_bank.sql.claims import SqlClaims
from ledger_sync.central_bank.sql.directories import SqlDirectoryForms
from ledger_sync.central_bank.sql.issuances import SqlIssuances
from ledger_sync.central_bank.sql.policy import SqlPolicyLog
from ledger_sync.central_bank.sql.questions import SqlQuestions
from ledger_sync.central_bank.sql.returns import SqlReturns
from ledger_sync.central_bank.sql.waiting import waiting
from ledger_sync.central_bank.sql.winners import SqlWinners
from ledger_sync.database.store import Kind, Store
from ledger_sync.service.waiting import Waiting
from wallet.database import Schema

SCHEMA: Final = Schema("ledger_sync.central_bank.sql")
KIND: Final = Kind("central_bank", SCHEMA)


class SqlStorage:
    """`ledger_sync.central_bank.ports.storage.Storage`; ``store`` is what all its ports stand on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.books = SqlBooks(store)
        self.issuances = SqlIssuances(store)
        self.returns = SqlReturns(store)
        self.winners = SqlWinners(store)
        self.questions = SqlQuestions(store)
        self.claims = SqlClaims(store)
        self.policy = SqlPolicyLog(store)
        self.directories = SqlDirectoryForms(store)

    def transaction(self) -> AbstractContextManager[None]:
        return self.store.transaction()

    def waiting(self) -> Sequence[Waiting]:
        return waiting(self.store)

    def close(self) -> None:
        self.store.close()
