"""Plain payments: what goes from hand to hand between customers whose certificates are known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import verdict
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token


def chain(
    net: LedgerNetwork, people: Sequence[Customer], token: Token, amount: int
) -> list[Signed[Transfer]]:
    """``amount`` of a token goes from hand to hand."""
    paid: list[Signed[Transfer]] = []
    for payer, payee in pairwise(people):
        paid.append(net.pay(payer, [token], payee, amount))
        token = net.outputs(paid[-1])[0]
    return paid


def settled(rows: Sequence[Any]) -> bool:
    return all(verdict(row) is Verdict.SETTLED for row in rows)


def trio_at(net: LedgerNetwork) -> list[Customer]:
    """Three customers whose certificates are known."""
    people = [net.customer(name) for name in ("Aigul", "Baurzhan", "Shop")]
    (token,) = people[0].fund(500)
    assert settled(people[2].upload(*chain(net, people, token, 500)))
    return people
