"""Any bank can certify any key as often as it likes: no call costs others more for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.test_growth import history, replace_ref, steps
from tests.ledger_sync.bank.test_limits import lower
from tests.support.world import DAY, Person
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Transfer

LIMIT = 10_000
"""Of a payment, in tiyn."""


def certify_often(net: LedgerNetwork, customer: Customer, first: int, last: int) -> None:
    """Certificates that another bank made for this one's customer's key, each later than the one before."""
    node, body = net.banks["alatau"].node, customer.person.certificate.body
    sign = net.network.signer("zhibek", "bank").sign
    with node.context.storage.unit.transaction():
        for number in range(first, last):
            made = replace(
                body,
                bank="zhibek",
                wallet=number.to_bytes(16, "big"),
                issued=body.issued + number,
                expires=body.expires + number,
                limits=replace(body.limits, payment=LIMIT),
            )
            node.objects.certificates.add(cose.sign(made, sign))


@pytest.mark.parametrize("amount", [LIMIT, LIMIT + 1])
def test_certificates_of_a_hostile_bank_cost_the_holder_of_their_key_nothing(
    net: LedgerNetwork, amount: int
) -> None:
    """`judging that key's transfers costs them more with each`: also where the key's holder breaks its limits."""
    shop = net.customer("Shop")
    lower(net, payment=LIMIT)

    def pay(name: str, count: int) -> int:
        payer = net.customer(name)
        certify_often(net, payer, 0, count)
        certify_often(net, shop, count - count // 2, count)
        bundle = net.bundle([net.pay(payer, payer.fund(2 * LIMIT), shop, amount)])
        cost = steps(net, lambda: shop.upload_bundle(bundle)) + steps(net, net.settle_down)
        node = net.banks["alatau"].node
        assert node.wallets.is_revoked(payer.account, Reason.LIMITS) == (amount > LIMIT)
        return cost

    pay("Aigul", 20)
    before = pay("Berik", 300)
    assert pay("Chingiz", 1_200) < 1.25 * before


def certificates_that_cover_nothing(
    net: LedgerNetwork, signer: Customer, count: int
) -> list[Signed[Certificate]]:
    """Of another bank for this one's customer's key: over before anything was signed that can still wait."""
    body, sign = signer.person.certificate.body, net.network.signer("zhibek", "bank").sign
    ends = [body.issued - 1_000 - number for number in range(count)]
    made = [
        replace(body, bank="zhibek", wallet=end.to_bytes(16, "big"), issued=end - 10, expires=end)
        for end in ends
    ]
    return [cose.sign(one, sign) for one in made]


@pytest.mark.parametrize("lacks", ["provenance", "certificate"])
def test_a_certificate_has_nothing_judged_again_but_what_it_covers(net: LedgerNetwork, lacks: str) -> None:
    """A bank that certifies its cheat's key again and again had everything that waits of it judged each time."""
    cheat, shop = net.customer("Dauren"), net.customer("Shop")
    (token,) = cheat.fund(1_000)
    person, late = cheat.person, net.now + 61 * DAY

    def forged(number: int) -> Transfer:
        copied = Person(person.key, person.certificate, number, person.total)
        made = net.transfer(copied, [token], shop.key, 10, bytes(16)).body
        ref = replace_ref(token.ref.txid, number) if lacks == "provenance" else token.ref
        return replace(made, inputs=(ref,), time=late)

    def wait(first: int, last: int) -> None:
        for start in range(first, last, 20):
            made = tuple(cose.sign(forged(number), person.key.sign) for number in range(start, start + 20))
            issuances = net.bundle([net.pay(cheat, [token], shop, 1)]).issuances
            rows = shop.upload_bundle(Bundle(made, issuances, (person.certificate,), ()))
            assert all(row.settlement is None for row in rows)

    def certify() -> int:
        return steps(net, lambda: shop.upload_bundle(Bundle((), (), (certificates.pop(),), ())))

    certificates = certificates_that_cover_nothing(net, cheat, 4)
    certify()
    wait(0, 60)
    certify()
    before = certify()
    wait(60, 180)
    assert certify() < 1.25 * before


def test_a_bank_that_certifies_a_key_late_gets_all_that_concerns_it_and_no_call_opens_all(
    net: LedgerNetwork,
) -> None:
    """Any bank can certify any key: all that its holder ever signed or got was opened while the others waited."""
    net.resize(opened=8)
    shop, cost = net.customer("Shop"), []
    for name, payments in (("Aigul", 10), ("Berik", 30)):
        payer, late = net.customer(name), net.customer(f"{name} at zhibek", "zhibek", opening=0)
        history(net, payer, shop, payments)
        made = net.network.banks["alatau"].node.context.storage.recipients.concerning(payer.key, b"", 99)
        bundle = Bundle((), (), (late.certify_key(payer.person.key),), ())
        cost.append(steps(net, lambda bundle=bundle: shop.upload_bundle(bundle)))  # type: ignore[misc]
        net.settle_down(12)
        there = {txid for (txid,) in net.look("zhibek", "select id from transfers")}
        assert len(made) == payments
        assert there.issuperset(made)
    assert cost[1] < 1.25 * cost[0]
