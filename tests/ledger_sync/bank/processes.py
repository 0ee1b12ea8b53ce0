"""One more process of a bank that is running: a node of its own, with its own connection to the same store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger_sync.bank.api.node import Node, Peers
from ledger_sync.bank.books import Books
from ledger_sync.bank.sqlite.storage import SqliteStorage
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.network import LedgerNetwork


def another_process(town: LedgerNetwork, bank: str = "alatau", **changes: Any) -> Node:
    """A node like the bank's, over the same store and lines; ``changes`` are of its house. Whoever asks closes its
    storage."""
    running = town.banks[bank].node
    storage = SqliteStorage(town.folder / bank / "bank.db")
    house = replace(
        running.context,
        storage=storage,
        books=Books(storage.accounts, town.clock),
        process="another",
        **changes,
    )
    signer = town.network.signer(bank, "bank")
    notary, central_bank = (town.network.line(bank, name, signer) for name in (NOTARY, CENTRAL_BANK))
    others = {name: town.network.line(bank, name, signer) for name in town.banks if name != bank}
    node = Node(house, running.terms, Peers(notary, central_bank, others))
    node.deliveries.begin_numbers()
    return node
