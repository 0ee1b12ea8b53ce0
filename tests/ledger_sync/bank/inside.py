"""A look into a bank's store, past its ports: what tests count there, and how they break it."""

from __future__ import annotations

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.sqlite.storage import SqliteStorage
from ledger_sync.bank.sqlite.store import Store


def store_of(node: Node) -> Store:
    """The store that the node's storage stands on."""
    storage = node.context.storage
    assert isinstance(storage, SqliteStorage)
    return storage.store
