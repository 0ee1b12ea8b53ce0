"""Whatever settles can also be proved, redeemed, refreshed and refunded: the largest there is, over real services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest

from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import clone, verdict
from tests.sampling import sampled
from tests.support.world import DAY, Key
from wallet.protocol.acceptance import check_passable
from wallet.protocol.bounds import MAX_AMOUNTS, MAX_HOP, MAX_INPUTS, MAX_TRANSFERS
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import ToAccount, Transfer
from wallet.protocol.validity import Token, verify

FACE = 50_000


def small_tokens(cheat: Customer, count: int) -> list[Token]:
    found: list[Token] = []
    while len(found) < count:
        found += cheat.fund(*[1] * MAX_AMOUNTS)
    return found


def lose(net: LedgerNetwork, cheat: Customer, mate: Customer, tokens: Sequence[Token]) -> None:
    """Each token goes to a transfer of its own first, so that the notary has a word for each."""
    copied = clone(cheat)
    rivals = [net.pay(copied, [token], mate, 1) for token in tokens]
    for start in range(0, len(rivals), MAX_BUNDLE_ITEMS):
        some = tuple(rivals[start : start + MAX_BUNDLE_ITEMS])
        bundle = net.bundle(some)
        assert all(
            row.settlement for row in mate.upload_bundle(Bundle(some, bundle.issuances, bundle.certificates))
        )


def chain(
    net: LedgerNetwork, cheat: Customer, mate: Customer, tokens: Sequence[Token], links: int
) -> Iterator[Token]:
    """Change after change, each with 31 tokens that others have consumed; the change that is left."""
    (change,) = cheat.fund(FACE)
    for n in range(links):
        lost = tokens[n * (MAX_INPUTS - 1) : (n + 1) * (MAX_INPUTS - 1)]
        change = net.outputs(net.pay(cheat, [change, *lost], mate, 1))[1]
        yield change


def token_with_many_statements(net: LedgerNetwork, shop: Customer, links: int) -> Token:
    """A shop's token whose provenance lost 31 inputs in each of so many transfers, and that settled at its face."""
    cheat, mate = net.customer("Dauren"), net.customer("Mate", opening=0)
    tokens = small_tokens(cheat, (links - 1) * (MAX_INPUTS - 1))
    lose(net, cheat, mate, tokens)
    *_, change = chain(net, cheat, mate, tokens, links - 1)
    paid = net.pay(cheat, [change], shop, FACE // 2)
    shop.upload(paid)
    for _ in range(2 * links):
        if shop.verdict(paid).settlement is not None:
            break
        net.settle_down(1)
    settlement = shop.verdict(paid).settlement
    assert settlement is not None
    assert settlement.values[0] == FACE // 2
    return net.outputs(paid)[0]


@pytest.mark.parametrize(("links", "bank"), sampled("words", [(33, "zhibek"), (90, "alatau")], 1))
def test_a_token_with_a_word_of_the_notary_for_every_lost_input_is_redeemed(
    net: LedgerNetwork, links: int, bank: str
) -> None:
    """33: what a cheat's one offline payment can bring; 90: what only the ledger brings."""
    shop = net.customer("Shop", bank)
    token = token_with_many_statements(net, shop, links)
    defund = net.defund(shop, [token])
    row = next(row for row in shop.upload(defund) if row.txid == defund.id)
    assert (verdict(row), row.value) == (Verdict.SETTLED, FACE // 2)
    net.settle_down()
    assert shop.balance() == OPENING + FACE // 2
    net.check_books()


# every way of giving back, for each of the largest payments


def handed_on(net: LedgerNetwork, payers: Sequence[Customer], token: Token, shop: Customer) -> Token:
    """``token`` of the first of ``payers`` goes from hand to hand, to the shop last."""
    for payer, payee in pairwise([*payers, shop]):
        paid = net.pay(payer, [token], payee, token.amount)
        token = net.outputs(paid)[0]
    return token


def longest_offline(net: LedgerNetwork, shop: Customer) -> Token:
    """64 transfers: 49 times change, then 15 hops."""
    people = [net.customer(f"Person {n}", opening=FACE) for n in range(MAX_HOP)]
    (token,) = people[0].fund(FACE)
    for _ in range(MAX_TRANSFERS - MAX_HOP):
        token = net.outputs(net.pay(people[0], [token], people[1], 1))[1]
    return handed_on(net, people, token, shop)


def widest_offline(net: LedgerNetwork, shop: Customer) -> Token:
    """32 inputs, each with an ancestor and an issuance of its own."""
    payer, giver = net.customer("Aigul"), net.customer("Giver")
    inputs = [net.outputs(net.pay(giver, giver.fund(2), payer, 2))[0] for _ in range(MAX_INPUTS)]
    return net.outputs(net.pay(payer, inputs, shop, 2 * MAX_INPUTS))[0]


def longest_of_the_ledger(net: LedgerNetwork, shop: Customer) -> Token:
    """255 transfers, which no wallet would take offline."""
    payer, nobody = net.customer("Dauren", opening=FACE), Key.of("nobody's customer").public
    (token,) = payer.fund(FACE)
    for _ in range(MAX_BUNDLE_ITEMS - 2):
        token = net.outputs(net.transfer(payer, [token], nobody, 1, bytes(16)))[1]
    return handed_on(net, [payer], token, shop)


def is_offline(net: LedgerNetwork, token: Token) -> bool:
    """Whether a wallet would take the payment that made it."""
    bundle = net.bundle([net.transfer_of(token)])
    by_need = {item.id: item for item in bundle.transfers}
    ordered: list[Signed[Transfer]] = []
    while by_need:
        ready = [t for t in by_need.values() if not any(ref.txid in by_need for ref in t.body.inputs)]
        ordered += ready
        for item in ready:
            del by_need[item.id]
    payment = Payment(1, tuple(ordered), bundle.issuances, bundle.certificates)
    if len(payment.transfers) > MAX_TRANSFERS:
        return False
    check_passable(verify(payment.encode(), net.directory()))
    return True


LARGEST: dict[Callable[[LedgerNetwork, Customer], Token], bool] = {
    longest_offline: True,
    widest_offline: True,
    longest_of_the_ledger: False,
}


@pytest.mark.parametrize("make", LARGEST)
@pytest.mark.parametrize("way", ["defund", "refresh", "refuse", "refund"])
def test_the_largest_that_settles_comes_back_in_every_way(
    net: LedgerNetwork, make: Callable[[LedgerNetwork, Customer], Token], way: str
) -> None:
    shop = net.customer("Shop", "zhibek", opening=0)
    token = make(net, shop)
    assert is_offline(net, token) is LARGEST[make]
    made = net.transfer_of(token)
    rows = {row.txid: row for row in shop.upload(made)}
    assert verdict(rows[made.id]) is Verdict.SETTLED
    if way == "refund":
        net.now = token.expires + 31 * DAY
        net.settle_down()
        assert shop.balance() == token.amount
        return
    redemption = {"defund": net.defund, "refresh": net.refresh}.get(way)
    redeem = redemption(shop, [token]) if redemption else net.refuse(shop, token)
    row = next(row for row in shop.upload(redeem) if row.txid == redeem.id)
    assert (verdict(row), row.value) == (Verdict.SETTLED, token.amount)
    net.settle_down()
    net.check_books()


def test_what_is_too_long_is_refused_by_everyone_and_its_tokens_are_not_consumed(net: LedgerNetwork) -> None:
    shop = net.customer("Shop", "zhibek", opening=0)
    token = longest_of_the_ledger(net, shop)
    shop.upload(net.transfer_of(token))
    payee = net.customer("Payee")
    one_more = net.pay(shop, [token], payee, token.amount)
    for brought_by in (shop, payee):
        row = next(row for row in brought_by.upload(one_more) if row.txid == one_more.id)
        assert verdict(row) is Verdict.REFUSED
        assert row.settlement is not None
        assert row.settlement.code is Code.PROVENANCE_TOO_LONG
    with_change = net.redeem(shop, [token], token.amount - 1, ToAccount())
    rest = net.defund(shop, [token])
    rows = {row.txid: row for row in shop.upload(with_change, rest, whole=False)}
    assert (verdict(rows[with_change.id]), verdict(rows[rest.id])) == (Verdict.REFUSED, Verdict.SETTLED)
    net.settle_down()
    assert shop.balance() == token.amount
