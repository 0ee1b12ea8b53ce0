"""Payers whose money has a past: a token that went through so many hands before it came to them."""

from __future__ import annotations

from tests.session.holders import Holder, Place
from tests.session.pairs import Pair
from tests.support.world import World
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import issued_tokens
from wallet.session import Payee, Payer

FACE = 2_000_000
PAID = 1_000_000
"""Tiyn: what such a payer pays on; the rest is change."""


def paid_to(
    world: World, request: Signed[Request], hops: int, face: int = FACE, crowd: str = "person"
) -> Payment:
    """A payment of the ``hops``-th hop that answers ``request``; every hand before, all of one ``crowd``, kept one tiyn
    of the ``face``."""
    people = [world.person(f"{crowd} {n}") for n in range(hops)]
    issuance = world.issue(people[0], face)
    token = issued_tokens(issuance)[0]
    transfers: list[cose.Signed[Transfer]] = []
    for hop, payer in enumerate(people):
        is_last = hop == hops - 1
        amount = request.body.amount if is_last else face - hop - 1
        asked = request if is_last else world.request(people[hop + 1], amount)
        made = world.transfer(payer, [token], asked.body.key, amount, request_ref(asked))
        transfers.append(made)
        if not is_last:
            token = world.outputs(made, [token], payer)[0]
    return Payment(1, tuple(transfers), (issuance,), tuple(person.certificate for person in people))


def aged_pair(place: Place, hops: int) -> Pair:
    """A pair whose payment is of the ``hops``-th hop, one token from hand to hand."""
    alia = place.holder("alia", "alatau", () if hops > 1 else (FACE,))
    if hops > 1:
        age(alia, place.world, hops - 1)
    shop = place.holder("shop", "zhibek")
    request = shop.ask(PAID)
    return Pair(place, alia, shop, request, Payer(alia.paying), Payee(shop.receiving, request))


def age(holder: Holder, world: World, hops: int) -> None:
    """``holder`` comes by ``FACE`` less a tiyn for each hand, after so many hops."""
    answer = holder.receiving.receive(paid_to(world, holder.ask(FACE - hops), hops))
    assert answer.code is None
