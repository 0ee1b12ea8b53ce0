"""A look into a bank's store, past its ports: what tests count there, and how they break it."""

from __future__ import annotations

from pathlib import Path

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.sql.storage import KIND, SCHEMA, SqlStorage
from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.database.store import Store
from tests.ledger_sync.bank.network import LedgerNetwork


def storage_in(path: Path) -> SqlStorage:
    """A bank's storage in a SQLite file; made if it is not there."""
    return SqlStorage(SqliteStore(path, SCHEMA))


def another_storage(net: LedgerNetwork, bank: str) -> SqlStorage:
    """One more storage upon the store of a bank that is running."""
    return SqlStorage(net.network.homes[bank].store(KIND, "bank.db"))


def store_of(node: Node) -> Store:
    """The store that the node's storage stands on."""
    storage = node.context.storage
    assert isinstance(storage, SqlStorage)
    return storage.store
