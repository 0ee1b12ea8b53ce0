"""A customer's call does its own work: what others left unsettled is the worker's, however much it is."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.sandbox.in_process import NOTARY
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.settlers import BANK, Settlers, take
from tests.ledger_sync.bank.test_two_settlers import spoilt
from tests.support.eventually import eventually
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer

LEFT = 5


@pytest.fixture
def settlers(net: LedgerNetwork) -> Iterator[Settlers]:
    made = Settlers(net)
    yield made
    made.close()


def paid(net: LedgerNetwork, name: str, count: int) -> tuple[Customer, list[Signed[Transfer]]]:
    payer, shop = net.customer(name), net.customer(f"{name}'s shop")
    tokens = payer.fund(*([1_000] * count))
    return payer, [net.pay(payer, [token], shop, 700) for token in tokens]


def stages(settlers: Settlers, transfers: list[Signed[Transfer]]) -> set[Stage | None]:
    return {settlers.first.objects.transfers.stage(transfer.id) for transfer in transfers}


def test_what_others_left_is_not_settled_by_somebodys_call(settlers: Settlers) -> None:
    net = settlers.net
    aigul, left = paid(net, "Aigul", LEFT)
    bolat, own = paid(net, "Bolat", 2)
    with net.network.offline(NOTARY):
        aigul.upload(*left)
    assert stages(settlers, left) == {Stage.VALID}
    rows = bolat.upload(*own)
    assert settlers.asked == 1
    assert {row.settlement.verdict if row.settlement else None for row in rows} == {Verdict.SETTLED}
    assert stages(settlers, left) == {Stage.VALID}
    net.network.work(BANK)
    assert {aigul.verdict(one).settlement is not None for one in left} == {True}


def test_what_a_call_completes_is_its_own_work(settlers: Settlers) -> None:
    """A payee's transfer waited for its payer's: who brings that one has both settled."""
    net = settlers.net
    aigul, bolat, shop = net.customer("Aigul"), net.customer("Bolat"), net.customer("Shop")
    first = net.pay(aigul, aigul.fund(1_000), bolat, 1_000)
    second = net.pay(bolat, net.outputs(first)[:1], shop, 600)
    bolat.upload(second, whole=False)
    assert stages(settlers, [second]) == {Stage.WAITING}
    aigul.upload(first)
    assert bolat.verdict(second).settlement is not None


def test_what_is_noted_of_others_is_not_answered_by_somebodys_call(settlers: Settlers) -> None:
    """But whoever asks again is told, also where no worker is at work."""
    net, node = settlers.net, settlers.first
    aigul, bolat, shop = net.customer("Aigul"), net.customer("Bolat"), net.customer("Shop")
    refused = [net.pay(one, one.fund(1_000), shop, 700, edit=spoilt) for one in (aigul, aigul, bolat)]
    take(node, net, aigul, *refused[:2])
    assert of_whom(settlers, refused[:2]) == {"noted"}
    bolat.upload(refused[2])
    assert [of_whom(settlers, [one]) for one in refused] == [{"noted"}, {"noted"}, {"answered"}]
    aigul.upload(refused[0])
    assert [of_whom(settlers, [one]) for one in refused[:2]] == [{"answered"}, {"noted"}]
    net.network.work(BANK)
    assert of_whom(settlers, refused) == {"answered"}


def of_whom(settlers: Settlers, transfers: list[Signed[Transfer]]) -> set[str]:
    noted = {txid for (txid,) in settlers.rows("select transfer from to_answer")}
    answered = {txid for (txid,) in settlers.rows("select transfer from settlements")}
    return {"noted" if one.id in noted else "answered" if one.id in answered else "" for one in transfers}


def test_what_queues_while_one_call_asks_the_notary_is_one_batch(settlers: Settlers) -> None:
    """Three calls have taken their uploads in and wait; whoever asks next asks for all of them."""
    net, node = settlers.net, settlers.first
    people = [paid(net, name, 1) for name in ("Aigul", "Bolat", "Chingiz", "Dana")]
    for payer, transfers in people:
        take(node, net, payer, *transfers)
    others = [Thread(target=node.settler.settle_now, args=([made.id],)) for _, (made,) in people[1:]]

    def queue_up() -> None:
        for thread in others:
            thread.start()
        eventually(lambda: node.settler.queued, lambda count: count == len(others))

    settlers.once(queue_up)
    node.settler.settle_now([people[0][1][0].id])
    for thread in others:
        thread.join()
    assert settlers.asked == 2
    assert stages(settlers, [made for _, (made,) in people]) == {Stage.ANSWERED}
