"""Verdicts rest on full knowledge: what may still come is waited for, and what waits has an end."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import clone, reasons, verdict
from tests.support.world import DAY
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import check_evidence
from wallet.protocol.keys import PublicKey
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer


def paid_before(net: LedgerNetwork, payer: Customer, shop: Customer) -> Signed[Transfer]:
    """Signed under the certificate of alatau, before there was another."""
    (token,) = payer.fund(500_000)
    return net.pay(payer, [token], shop, 500_000)


def test_a_certificate_that_is_held_back_takes_no_signed_payment_back(net: LedgerNetwork) -> None:
    payer, shop = net.customer("Dauren"), net.customer("Shop", "zhibek")
    transfer = paid_before(net, payer, shop)
    net.now += DAY
    again = net.customer("Dauren at zhibek", "zhibek", opening=0)
    later = again.certify_key(payer.person.key)
    whole = net.bundle([transfer])
    (row,) = again.upload_bundle(Bundle(whole.transfers, whole.issuances, (later,), ()))
    assert row.settlement is None
    (row,) = shop.upload(transfer)
    assert verdict(row) is Verdict.SETTLED
    net.settle_down()
    assert reasons(net, shop) == {None}
    net.check_books()


def test_the_certificate_may_come_with_a_request(net: LedgerNetwork) -> None:
    """A payee's certificate lies in its request: what it pays in turn is judged under that too."""
    payer, shop = net.customer("Dauren"), net.customer("Shop", "zhibek")
    transfer = paid_before(net, payer, shop)
    asked = net.request(payer, 1)
    whole = net.bundle([transfer])
    (row,) = shop.upload_bundle(Bundle(whole.transfers, whole.issuances))
    assert row.settlement is None
    shop.upload_bundle(Bundle(requests=(asked,)))
    assert verdict(shop.verdict(transfer)) is Verdict.SETTLED


def test_many_certificates_of_one_key_cost_no_signature_checks(
    net: LedgerNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merchant's transfers dated after all of its certificates: each signature is checked once, and never again."""
    merchant, payee = net.customer("Shop", kind=WalletKind.MERCHANT), net.customer("Payee")
    tokens = merchant.fund(*[1_000] * 8)
    for _ in range(20):
        net.now += 1
        merchant.certify_key(merchant.person.key)
    net.made_at = net.now + 61 * DAY
    late = [net.pay(merchant, [token], payee, 1_000) for token in tokens]
    net.made_at = None
    checked: Counter[bytes] = Counter()
    real = Signed.signed_by

    def counting(self: Signed[Transfer], key: PublicKey) -> bool:
        if isinstance(self.body, Transfer):
            checked[self.id] += 1
        return real(self, key)

    monkeypatch.setattr(Signed, "signed_by", counting)
    for _ in range(3):
        assert all(row.settlement is None for row in payee.upload(*late))
    assert checked == Counter({transfer.id: 1 for transfer in late})


# how waiting ends


def held_back(net: LedgerNetwork, payer: Customer, shop: Customer) -> Signed[Transfer]:
    """A payment of 500 000 that its payee's bank got without the certificate it was signed under."""
    transfer = paid_before(net, payer, shop)
    whole = net.bundle([transfer])
    (row,) = shop.upload_bundle(Bundle(whole.transfers, whole.issuances))
    assert row.settlement is None
    return transfer


def rival_of(
    net: LedgerNetwork, payer: Customer, transfer: Signed[Transfer], shop: Customer
) -> Signed[Transfer]:
    return net.pay(clone(payer), net.inputs_of(transfer), shop, transfer.body.amount)


@pytest.mark.parametrize("bank", ["alatau", "zhibek"])
def test_what_waits_ends_when_a_rival_has_its_inputs(net: LedgerNetwork, bank: str) -> None:
    """At the same bank at once; at another one as soon as the notary is asked."""
    payer, shop, other = (
        net.customer("Dauren"),
        net.customer("Shop", "zhibek"),
        net.customer("Other", bank),
    )
    transfer = held_back(net, payer, shop)
    (row,) = other.upload(rival_of(net, payer, transfer, other))
    assert verdict(row) is Verdict.SETTLED
    net.settle_down()
    row = shop.verdict(transfer)
    assert verdict(row) is Verdict.CONFLICT
    assert row.settlement is not None
    assert row.settlement.values == (0,)
    assert row.evidence is not None
    assert check_evidence(row.evidence, net.directory()).key == payer.key
    assert reasons(net, payer) == {Reason.CONFLICT}
    assert shop.upload(transfer)[0].settlement == row.settlement
    net.check_books()


def test_what_waits_ends_when_its_inputs_were_refunded(net: LedgerNetwork) -> None:
    payer, shop = net.customer("Dauren"), net.customer("Shop", "zhibek")
    transfer = held_back(net, payer, shop)
    net.now += 121 * DAY
    net.settle_down()
    assert payer.balance() == OPENING
    net.now += DAY
    net.settle_down()
    row = shop.verdict(transfer)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.code) == (Verdict.SHORT, Code.TOO_LATE)
    assert row.settlement.values == (0,)
    assert shop.line().post("/v1/keys", [shop.key]) == []
    net.check_books()


def test_what_lost_only_some_of_its_inputs_waits_on(net: LedgerNetwork) -> None:
    payer, shop, other = net.customer("Dauren"), net.customer("Shop", "zhibek"), net.customer("Other")
    lost, kept = payer.fund(500, 300)
    transfer = net.pay(payer, [lost, kept], shop, 800)
    whole = net.bundle([transfer])
    shop.upload_bundle(Bundle(whole.transfers, whole.issuances))
    other.upload(net.pay(clone(payer), [lost], other, 500))
    net.settle_down()
    assert shop.verdict(transfer).settlement is None
    (row,) = shop.upload(transfer)
    net.settle_down()
    row = shop.verdict(transfer)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.values) == (Verdict.CONFLICT, (300,))


def test_who_descends_from_what_ended_is_not_refused_for_it(net: LedgerNetwork) -> None:
    """The certificate comes when all is over: what the next holder added of its own still stands."""
    payer, shop, payee = (
        net.customer("Dauren"),
        net.customer("Shop", "zhibek"),
        net.customer("Payee", "zhibek"),
    )
    transfer = held_back(net, payer, shop)
    own = payer.person.certificate
    passed = net.pay(shop, [*net.outputs(transfer), *shop.fund(1_000)], payee, 501_000)
    whole = net.bundle([passed])
    others = tuple(one for one in whole.certificates if one.body.key != payer.key)
    payee.upload_bundle(Bundle(whole.transfers, whole.issuances, others))
    net.now += DAY
    again = net.customer("Dauren at zhibek", "zhibek", opening=0)
    again.certify_key(payer.person.key)
    again.person.sequence = 9
    payee.upload(net.pay(again, net.inputs_of(transfer), payee, 500_000))
    net.settle_down()
    row = shop.verdict(transfer)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.values) == (Verdict.CONFLICT, (0,))
    assert payee.verdict(passed).settlement is None
    payee.upload_bundle(Bundle((*whole.transfers,), whole.issuances, (*others, own)))
    row = payee.verdict(passed)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.values) == (Verdict.SHORT, (1_000,))
    assert row.evidence is not None
    (redeemed,) = payee.upload(net.defund(payee, net.outputs(passed)), whole=False)
    assert redeemed.value == 1_000
    net.settle_down()
    net.check_books()


def test_what_another_bank_committed_is_fetched_from_it(net: LedgerNetwork) -> None:
    """The payer's bank has the certificate and does not know whose customer the payee is."""
    payer, shop = net.customer("Dauren"), net.customer("Shop", "zhibek")
    transfer = held_back(net, payer, shop)
    whole = net.bundle([transfer])
    (row,) = payer.upload_bundle(Bundle(whole.transfers, whole.issuances, whole.certificates))
    assert verdict(row) is Verdict.SETTLED
    net.settle_down()
    assert verdict(shop.verdict(transfer)) is Verdict.SETTLED
    assert [token.owner for token in net.outputs(transfer)] == [shop.key]
    assert [row.txid for row in shop.deliveries()[1]] == [transfer.id]
    net.check_books()


def test_a_silent_notary_ends_nothing(net: LedgerNetwork) -> None:
    payer, shop, other = net.customer("Dauren"), net.customer("Shop", "zhibek"), net.customer("Other")
    transfer = held_back(net, payer, shop)
    other.upload(rival_of(net, payer, transfer, other))
    net.down.add("notary")
    net.settle_down()
    assert shop.verdict(transfer).settlement is None
    net.down.clear()
    net.settle_down()
    assert verdict(shop.verdict(transfer)) is Verdict.CONFLICT
