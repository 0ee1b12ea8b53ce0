"""One token, many payees; keys that were stolen; counters that lie: who is paid, what is lost, and who is named."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger_sync.bank.customers import Customer, Row
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.ledger_sync.notary.backends import attestor, consumer, in_file, item, opened, ref
from tests.sampling import sampled
from tests.support.deals import refusal_of
from tests.support.world import DAY, Person
from wallet.protocol.acceptance import PayeeView, check_acceptance
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import check_evidence
from wallet.protocol.limits import Commitments
from wallet.protocol.payment import Payment
from wallet.protocol.policy import Policy, Reason
from wallet.protocol.request import Request
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token, verify

AMOUNT = 400_000
MOST = 50


@pytest.fixture
def net(tmp_path: Path) -> Iterator[LedgerNetwork]:
    made = LedgerNetwork(tmp_path)
    yield made
    made.close()


class Thief:
    """Somebody with a copy of a wallet's keys, and no wallet: every statement is free, a signature is all there is."""

    def __init__(self, net: LedgerNetwork, victim: Customer) -> None:
        self._town = net
        self.victim = victim

    def spend(
        self, token: Token, shop: Customer, amount: int, total: int = 0
    ) -> tuple[Signed[Transfer], Payment, Signed[Request]]:
        """A payment as from a purse that has never paid anything: sequence 1, a total of this amount alone."""
        person = self.victim.person
        fresh = Person(person.key, person.certificate, 0, total)
        asked = self._town.request(shop, amount)
        transfer = self._town.pay(fresh, [token], shop, amount, request=asked)
        issuance = self._town._issuances[token.ref.txid]
        return transfer, Payment(1, (transfer,), (issuance,), (person.certificate,)), asked


def accept(
    net: LedgerNetwork, payment: Payment, asked: Signed[Request], policy: Policy | None = None
) -> None:
    """What a shop that is offline does: verify, and judge with the policy it has."""
    verified = verify(payment.encode(), net.directory())
    check_acceptance(
        verified, PayeeView(asked, policy or net.policy(), net.now, Commitments(), lambda ref: None)
    )


def shops(net: LedgerNetwork, count: int) -> list[Customer]:
    banks = ("alatau", "zhibek")
    return [
        net.customer(f"Shop {n}", banks[n % 2], kind=WalletKind.MERCHANT, opening=1) for n in range(count)
    ]


def final(net: LedgerNetwork, sold: Sequence[tuple[Customer, Signed[Transfer]]]) -> list[Row]:
    net.settle_down()
    return [shop.verdict(transfer) for shop, transfer in sold]


def is_revoked(net: LedgerNetwork, customer: Customer) -> bool:
    revoked = net.policy().revoked
    ids = (epoch.certificate.body.revocation_id for epoch in customer.epochs)
    return any(revoked.get(item) is Reason.CONFLICT for item in ids)


@pytest.mark.parametrize("count", sampled("payees of one token", range(2, MOST + 1), 6))
def test_one_token_for_many_payees_is_paid_once_and_the_copier_named(
    net: LedgerNetwork, count: int, rng: random.Random
) -> None:
    cheat = net.customer("Dauren", rng.choice(["alatau", "zhibek"]))
    (token,) = cheat.fund(AMOUNT)
    thief, paid = Thief(net, cheat), []
    for shop in shops(net, count):
        transfer, payment, asked = thief.spend(token, shop, AMOUNT)
        accept(net, payment, asked)
        paid.append((shop, transfer))
    rng.shuffle(paid)
    for shop, transfer in paid:
        shop.upload(transfer)
        if rng.random() < 0.1:
            net.settle_down(1)
    rows = final(net, paid)
    verdicts = [row.settlement.verdict for row in rows if row.settlement is not None]
    assert verdicts == [Verdict.SETTLED, *[Verdict.CONFLICT] * (count - 1)]
    assert sum(row.settlement.values[0] for row in rows if row.settlement is not None) == AMOUNT
    for row in rows[1:]:
        assert row.evidence is not None
        assert check_evidence(row.evidence, net.directory()).key == cheat.key
    assert is_revoked(net, cheat)
    assert not any(is_revoked(net, shop) for shop, _ in paid)
    net.check_books()


@settings(max_examples=40)
@given(count=st.integers(2, MOST), data=st.data())
def test_whatever_the_order_and_the_batches_the_notary_says_one_word_on_a_token(
    count: int, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(count)))
    with TemporaryDirectory() as folder:
        store = opened(in_file(Path(folder)))
        try:
            left = [item(n, ref("token"), ref(n), bank=("alatau", "zhibek")[n % 2]) for n in order]
            while left:
                size = data.draw(st.integers(1, len(left)))
                for one, said in zip(left[:size], attestor(store).commit(left[:size]), strict=True):
                    won = {
                        token: statement.body.consumer for statement in said for token in statement.body.refs
                    }
                    assert won[ref("token")] == consumer(order[0])
                    assert one.consumer in won.values(), "its own token is its own all the same"
                left = left[size:]
        finally:
            store.close()


def test_what_a_stolen_key_can_take_from_each_is_bounded_by_limits_and_ends_with_the_certificate(
    net: LedgerNetwork,
) -> None:
    victim = net.customer("Aigul")
    limits = victim.person.certificate.body.limits.lower(net.policy().head.limits)
    (token,) = victim.fund(OPENING)
    thief, (shop, other) = Thief(net, victim), shops(net, 2)
    assert limits.payment >= OPENING
    transfer, payment, asked = thief.spend(token, shop, OPENING)
    accept(net, payment, asked)
    _, beyond, asked = thief.spend(token, other, OPENING, total=limits.total)
    assert refusal_of(lambda: accept(net, beyond, asked)) is Code.LIMIT_TOTAL
    second, again, asked = thief.spend(token, other, OPENING)
    accept(net, again, asked)
    shop.upload(transfer)
    other.upload(second)
    rows = final(net, [(shop, transfer), (other, second)])
    assert [row.settlement.values[0] for row in rows if row.settlement is not None] == [OPENING, 0]
    assert is_revoked(net, victim)
    net.check_books()
    _, known, asked = thief.spend(token, other, OPENING)
    assert refusal_of(lambda: accept(net, known, asked, net.policy("zhibek"))) is Code.REVOKED_CONFLICT


def test_a_stolen_key_of_one_who_is_long_offline_is_refused_by_the_days_and_the_expiry(
    net: LedgerNetwork,
) -> None:
    victim, (shop,) = net.customer("Aigul"), shops(net, 1)
    (token,) = victim.fund(AMOUNT)
    certificate = victim.person.certificate.body
    days = certificate.limits.lower(net.policy().head.limits).days
    policy = net.policy()
    net.now = certificate.issued + days * DAY
    _, payment, asked = Thief(net, victim).spend(token, shop, AMOUNT)
    accept(net, payment, asked, policy)
    net.now += 1
    assert refusal_of(lambda: accept(net, payment, asked, policy)) in (
        Code.LIMIT_DAYS,
        Code.CERTIFICATE_EXPIRED,
    )


def test_counters_that_lie_hide_nothing_from_the_token(net: LedgerNetwork) -> None:
    """No number is used twice and no total falls: counters prove nothing here. The token does."""
    cheat, (one, other) = net.customer("Dauren"), shops(net, 2)
    (token,) = cheat.fund(AMOUNT)
    thief = Thief(net, cheat)
    first, _, _ = thief.spend(token, one, AMOUNT)
    person = cheat.person
    further = Person(person.key, person.certificate, 7, 10 * AMOUNT)
    second = net.pay(further, [token], other, AMOUNT)
    assert first.body.sequence != second.body.sequence
    one.upload(first)
    other.upload(second)
    rows = final(net, [(one, first), (other, second)])
    assert [row.settlement.verdict for row in rows if row.settlement is not None] == [
        Verdict.SETTLED,
        Verdict.CONFLICT,
    ]
    assert is_revoked(net, cheat)
    net.check_books()
