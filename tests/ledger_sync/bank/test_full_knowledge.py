"""Verdicts rest on full knowledge: what may still come is waited for, and what waits has an end."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.ledger_sync.bank.test_conflicts import reasons, verdict
from tests.ledger_sync.bank.town import Customer, Town
from tests.support.world import DAY
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import WalletKind
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer


def paid_before(town: Town, payer: Customer, shop: Customer) -> Signed[Transfer]:
    """Signed under the certificate of alatau, before there was another."""
    (token,) = payer.fund(500_000)
    return town.pay(payer, [token], shop, 500_000)


def test_a_certificate_that_is_held_back_takes_no_signed_payment_back(town: Town) -> None:
    payer, shop = town.customer("Dauren"), town.customer("Shop", "zhibek")
    transfer = paid_before(town, payer, shop)
    town.now += DAY
    again = town.customer("Dauren at zhibek", "zhibek", opening=0)
    later = again.certify_key(payer.person.key)
    whole = town.bundle([transfer])
    (row,) = again.upload_bundle(Bundle(whole.transfers, whole.issuances, (later,), ()))
    assert row.settlement is None
    (row,) = shop.upload(transfer)
    assert verdict(row) is Verdict.SETTLED
    town.settle_down()
    assert reasons(town, shop) == {None}
    town.check_books()


def test_the_certificate_may_come_with_a_request(town: Town) -> None:
    """A payee's certificate lies in its request: what it pays in turn is judged under that too."""
    payer, shop = town.customer("Dauren"), town.customer("Shop", "zhibek")
    transfer = paid_before(town, payer, shop)
    asked = town.request(payer, 1)
    whole = town.bundle([transfer])
    (row,) = shop.upload_bundle(Bundle(whole.transfers, whole.issuances))
    assert row.settlement is None
    shop.upload_bundle(Bundle(requests=(asked,)))
    assert verdict(shop.verdict(transfer)) is Verdict.SETTLED


def test_many_certificates_of_one_key_cost_no_signature_checks(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merchant's transfers dated after all of its certificates: each signature is checked once, and never again."""
    merchant, payee = town.customer("Shop", kind=WalletKind.MERCHANT), town.customer("Payee")
    tokens = merchant.fund(*[1_000] * 8)
    for _ in range(20):
        town.now += 1
        merchant.certify_key(merchant.person.key)
    town.made_at = town.now + 61 * DAY
    late = [town.pay(merchant, [token], payee, 1_000) for token in tokens]
    town.made_at = None
    checked: Counter[bytes] = Counter()
    real = Signed.signed_by

    def counting(self: Signed[Transfer], key: bytes) -> bool:
        if isinstance(self.body, Transfer):
            checked[self.id] += 1
        return real(self, key)

    monkeypatch.setattr(Signed, "signed_by", counting)
    for _ in range(3):
        assert all(row.settlement is None for row in payee.upload(*late))
    assert checked == Counter({transfer.id: 1 for transfer in late})
