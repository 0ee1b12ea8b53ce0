"""Two settlers on one store, as two processes of one bank, and what happens while one of them asks or signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.program import assemble
from ledger_sync.sandbox.in_process import NOTARY
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.watched import watched
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

BANK = "alatau"


class Settlers:
    """A bank's node and a second one over the same files, and what happens when the notary is asked."""

    def __init__(self, net: LedgerNetwork) -> None:
        self.net = net
        self.first, self.watch = watched(net, BANK)
        other = assemble(net.network.homes[BANK])
        self.second, self.close = other.node, other.service.close
        self.asked = 0
        self.meanwhile: Callable[[], object] = lambda: None
        net.between = self._between

    def _between(self, service: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> Any:
        if service == NOTARY and request.url.path == "/v1/commits":
            self.asked += 1
            self.meanwhile()
        return deliver()

    def once_answered(self, step: Callable[[], object]) -> None:
        """``step`` happens when the first settler knows what the notary says, and signs by that."""

        def happen() -> None:
            self.watch.before_signing = lambda: None
            step()

        def wait_for_signature() -> None:
            self.watch.before_signing = happen

        self.once(wait_for_signature)

    def once(self, step: Callable[[], object]) -> None:
        """``step`` happens when the notary is asked next."""

        def happen() -> None:
            self.meanwhile = lambda: None
            step()

        self.meanwhile = happen

    def rows(self, sql: str) -> list[Any]:
        return self.net.look(BANK, sql)


def take(node: Node, net: LedgerNetwork, customer: Customer, *transfers: Signed[Transfer]) -> None:
    """Only taken in: nothing is settled."""
    node.intake.take(net.bundle(transfers), uploader_of_customer(customer.account))
