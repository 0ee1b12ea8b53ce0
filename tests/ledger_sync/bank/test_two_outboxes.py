"""Two processes of one bank, each with its lanes: a piece of work is done by one, and by the other if that dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.jobs.work import HELD
from ledger_sync.bank.ports.jobs import Job, JobKind
from tests.ledger_sync.bank.customers import READ, Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.processes import another_process
from tests.ledger_sync.bank.watched import watched
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Transfer

HERE, THERE = "alatau", "zhibek"
RELAYS = "/v1/relays"


class Relays:
    """What is passed on to the other bank, and what happens meanwhile."""

    def __init__(self, net: LedgerNetwork) -> None:
        self.count = 0
        self.meanwhile: Callable[[], object] = lambda: None
        net.between = self._between

    def _between(self, service: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> Any:
        if service == THERE and request.url.path == RELAYS:
            self.count += 1
            self.meanwhile()
        return deliver()


@pytest.fixture
def first(net: LedgerNetwork) -> Node:
    return net.banks[HERE].node


@pytest.fixture
def second(net: LedgerNetwork) -> Iterator[Node]:
    node = another_process(net, HERE)
    yield node
    node.context.storage.close()


def paid(net: LedgerNetwork, count: int) -> tuple[Customer, list[Signed[Transfer]]]:
    """Payments to a customer of the other bank, settled here and not yet passed on."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", THERE)
    tokens = aigul.fund(*[1_000] * count)
    made = [net.pay(aigul, [token], baurzhan, 1_000) for token in tokens]
    aigul.upload(*made)
    return baurzhan, made


def to_pass_on(node: Node) -> list[bytes]:
    return list(node.context.storage.jobs.open_subjects(JobKind.RELAY_FULL, THERE))


def test_what_one_is_passing_on_the_other_leaves_alone(net: LedgerNetwork, first: Node, second: Node) -> None:
    payee, made = paid(net, 5)
    assert len(to_pass_on(first)) == 5
    relays = Relays(net)
    relays.meanwhile = second.work_round
    first.work_round()
    assert relays.count == 1
    assert to_pass_on(second) == []
    assert {row.txid for row in payee.deliveries()[1]} == {transfer.id for transfer in made}


def test_what_was_asked_for_again_meanwhile_is_passed_on_once_more_after_it(
    net: LedgerNetwork, first: Node, second: Node
) -> None:
    _, (made,) = paid(net, 1)
    relays = Relays(net)

    def again() -> None:
        if relays.count == 1:
            second.work.again(Job(JobKind.RELAY_FULL, THERE, made.id))
            second.work_round()
            assert relays.count == 1

    relays.meanwhile = again
    first.work_round()
    assert relays.count == 2
    assert to_pass_on(first) == []


def test_what_a_dead_process_had_claimed_is_passed_on_by_the_other_when_its_time_is_over(
    net: LedgerNetwork, first: Node, second: Node
) -> None:
    payee, made = paid(net, 3)
    assert len(first.work.claim(2, (JobKind.RELAY_FULL,), THERE)) == 2
    relays = Relays(net)
    second.work_round()
    assert len(to_pass_on(second)) == 2
    net.now += HELD
    second.work_round()
    assert to_pass_on(second) == []
    assert relays.count == 2
    assert {row.txid for row in payee.deliveries()[1]} == {transfer.id for transfer in made}


def test_a_process_that_starts_again_goes_on_at_once(net: LedgerNetwork, first: Node) -> None:
    paid(net, 3)
    first.work.claim(2, (JobKind.RELAY_FULL,), THERE)
    net.network.restart(HERE)
    again = net.banks[HERE].node
    again.work_round()
    assert to_pass_on(again) == []


def test_nothing_is_signed_or_verified_inside_a_transaction(net: LedgerNetwork) -> None:
    """By whoever passes on, redeems and revokes, and by whoever is passed on to."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", THERE)
    made = net.pay(aigul, aigul.fund(1_000), baurzhan, 1_000)
    back = net.refuse(baurzhan, net.outputs(made)[0])
    here, seen_here = watched(net, HERE)
    there, seen_there = watched(net, THERE)
    here.upload(net.bundle([made, back]), f"customer:{aigul.account}", READ)
    here.wallets.revoke(aigul.account, Reason.LOST)
    for node in (here, there, here):
        node.work_round()
    assert here.context.storage.jobs.open_subjects(JobKind.REVOKE, "") == []
    assert here.context.storage.redemptions.outcomes([back.id]).keys() == {back.id}
    assert seen_here.signed
    assert seen_here.inside == []
    assert seen_there.inside == []
