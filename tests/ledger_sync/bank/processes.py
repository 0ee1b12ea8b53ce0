"""One more process of a bank that is running: a node of its own, with its own connection to the same store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger_sync.bank.api.node import Node, Peers
from ledger_sync.bank.books import Books
from ledger_sync.notaries import Notaries
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.inside import another_storage
from tests.ledger_sync.bank.network import LedgerNetwork


def another_process(net: LedgerNetwork, bank: str = "alatau", **changes: Any) -> Node:
    """A node like the bank's, over the same store and lines; ``changes`` are of its house. Whoever asks closes its
    storage."""
    running = net.banks[bank].node
    storage = another_storage(net, bank)
    context = replace(
        running.context,
        storage=storage,
        books=Books(storage.accounts, net.clock),
        process="another",
        **changes,
    )
    signer = net.network.signer(bank, "bank")
    notary, central_bank = (net.network.line(bank, name, signer) for name in (NOTARY, CENTRAL_BANK))
    others = {name: net.network.line(bank, name, signer) for name in net.banks if name != bank}
    node = Node(context, running.terms, Peers(Notaries.one(notary), central_bank, others))
    node.deliveries.begin_numbers()
    return node
