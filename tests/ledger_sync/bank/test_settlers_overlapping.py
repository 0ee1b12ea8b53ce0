"""Two settlers on one store that overlap in any way: every verdict is what the notary's words make of it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.ports.shares import uploader_of_customer
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.settlers import Settlers, take
from wallet.protocol.bundle import Bundle
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict, settle_values
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token


class Crowd:
    """People who pay each other, and pay the same twice, at a bank of two processes that overlap in any way."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.net = LedgerNetwork(folder)
        self.settlers = Settlers(self.net)
        self.chance = chance
        self.people = [self.net.customer(name) for name in ("Aigul", "Shop", "Other")]
        self.held: list[list[Token]] = [[*person.fund(1_000, 500)] for person in self.people]
        self.made: list[tuple[Customer, Signed[Transfer]]] = []

    def pay(self, *, again: bool) -> None:
        """Somebody pays with a token, and keeps it where it pays it ``again``."""
        place = self.chance.choice([index for index, held in enumerate(self.held) if held])
        token = self.held[place][0] if again else self.held[place].pop()
        payer, payee = self.people[place], (place + self.chance.choice((1, 2))) % 3
        payment = self.net.pay(payer, [token], self.people[payee], self.chance.randint(1, token.amount))
        outputs = self.net.outputs(payment)
        self.held[payee].append(outputs[0])
        self.held[place].extend(outputs[1:])
        self.made.append((payer, payment))

    def step(self, node: Node) -> None:
        """Whatever a process does in between."""
        match self.chance.randrange(4):
            case 0 if self.made:
                payer, payment = self.chance.choice(self.made)
                node.intake.take(
                    Bundle((payment,), *self._certified(payment)), uploader_of_customer(payer.account)
                )
            case 1:
                take(node, self.net, *self.chance.choice(self.made)) if self.made else None
            case 2:
                node.settler.answer()
            case _:
                if self.chance.randrange(2):
                    node.context.storage.settlements.release_all()
                node.settler.settle()

    def _certified(self, payment: Signed[Transfer]) -> tuple[Any, ...]:
        whole = self.net.bundle([payment])
        return (), whole.certificates, whole.requests

    def end(self) -> None:
        self.settlers.meanwhile = lambda: None
        for node in (self.settlers.first, self.settlers.second):
            for payer, payment in self.made:
                take(node, self.net, payer, payment)
            node.settler.settle()
        self.net.settle_down()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from("ppd12m"), min_size=6, max_size=24))
def test_overlapping_in_any_way_every_verdict_is_what_the_notary_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[str]
) -> None:
    crowd = Crowd(tmp_path_factory.mktemp("crowd"), Random(seed))
    settlers = crowd.settlers
    nodes = {"1": settlers.first, "2": settlers.second}
    for step in steps:
        match step:
            case "p" | "d":
                crowd.pay(again=step == "d")
            case "m":
                node = crowd.chance.choice((settlers.first, settlers.second))
                settlers.once(lambda node=node: crowd.step(node))  # type: ignore[misc]
            case _:
                crowd.step(nodes[step])
    crowd.end()
    check_verdicts(settlers)
    settlers.close()
    crowd.net.close()


def check_verdicts(settlers: Settlers) -> None:
    """Each transfer has one verdict, whose values are what the first commits of tokens leave of it."""
    winners = {
        TokenRef(*row[:2]): row[2] for row in settlers.rows("select origin, output, consumer from consumed")
    }
    worth = {TokenRef(*row[:2]): row[2] for row in settlers.rows("select origin, output, value from tokens")}
    found = settlers.first.context.storage.settlements.told(
        [row[0] for row in settlers.rows("select id from transfers")]
    )
    assert len(found) == settlers.rows("select count(*) from transfers")[0][0]
    assert settlers.rows("select transfer from to_answer union select transfer from pending") == []
    for txid, told in found.items():
        body = settlers.first.objects.transfers.body(txid)
        assert body is not None
        brought = [worth[ref] if winners.get(ref) == txid else 0 for ref in body.inputs]
        assert told.settlement.body.values == settle_values(body, brought)
        is_lost = any(winners[ref] != txid for ref in body.inputs)
        is_whole = sum(told.settlement.body.values) == body.amount + body.change
        expected = Verdict.CONFLICT if is_lost else Verdict.SETTLED if is_whole else Verdict.SHORT
        assert told.settlement.body.verdict is expected
        assert (told.evidence is not None) == (expected is not Verdict.SETTLED)
