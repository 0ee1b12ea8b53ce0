"""Who may do what at a bank: accounts, devices, certificates, fundings, losses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_sync.bank.terms import MAX_LOSSES_A_DAY
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.support.world import DAY, Key
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.lifetime import redeem_until
from wallet.protocol.policy import Reason


def refusal(action: object, *values: object) -> Code:
    with pytest.raises(Refusal) as caught:
        action(*values)  # type: ignore[operator]
    return caught.value.code


def test_strangers_other_banks_and_customers_get_nothing_that_is_not_theirs(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    aigul.upload(paid)
    stranger = net.line("alatau", Key.of("stranger"))
    foreigner = net.customer("Chingiz", "zhibek")
    for line in (stranger, net.line("alatau", foreigner.device)):
        assert refusal(line.get, "/v1/account") is Code.AUTH_FORBIDDEN
        assert refusal(line.post, "/v1/uploads", Bundle().to_cbor()) is Code.AUTH_FORBIDDEN
        assert refusal(line.post, "/v1/relays", Bundle().to_cbor()) is Code.AUTH_FORBIDDEN
        assert refusal(line.get, f"/v1/transfers/{paid.id.hex()}") is Code.AUTH_FORBIDDEN
    for path in ("/v1/books", f"/v1/transfers/{paid.id.hex()}"):
        assert refusal(aigul.line().get, path) is Code.AUTH_FORBIDDEN
    assert refusal(aigul.line().post, "/v1/customers", [bytes(16), "x", 0, 0, 1]) is Code.AUTH_FORBIDDEN
    dauren = net.customer("Dauren")
    assert dauren.verdict(paid).settlement is None, "an answer only to those whom it concerns"
    assert dauren.deliveries()[1] == []


def test_an_enrolment_code_serves_one_device_and_that_one_again(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    body = [b"e" * 16, "Erlan", 0, 0, 1_000]
    operator = net.line("alatau", net.operator)
    (code,) = operator.post("/v1/customers", body)
    assert operator.post("/v1/customers", body) == [code]
    assert refusal(operator.post, "/v1/customers", [b"e" * 16, "Erlan", 0, 0, 2_000]) is Code.FUNDING_MISMATCH
    erlan = Customer(net, "alatau", "Erlan", Key.of("Erlan device"))
    net.enrol(erlan, code)
    net.enrol(erlan, code)
    assert erlan.balance() == 1_000
    thief = Customer(net, "alatau", "thief", Key.of("thief"))
    assert refusal(net.enrol, thief, code) is Code.ENROLMENT_UNKNOWN
    assert refusal(net.enrol, thief, "GUESSED") is Code.ENROLMENT_UNKNOWN
    assert refusal(net.enrol, aigul, code) is Code.AUTH_FORBIDDEN or baurzhan.balance() == OPENING


def test_a_device_of_one_account_gets_into_no_other(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    (code,) = net.line("alatau", net.operator).post("/v1/devices", [b"d" * 16, baurzhan.account])
    assert refusal(net.enrol, aigul, code) is Code.AUTH_FORBIDDEN
    assert aigul.account != baurzhan.account


def test_only_the_owner_of_a_key_has_it_certified(net: LedgerNetwork) -> None:
    aigul, thief = net.customer("Aigul"), net.customer("Dauren", "zhibek")
    proof = aigul.person.key.sign(bytes(32))
    body = [aigul.key, 0, proof]
    assert refusal(thief.line().post, "/v1/certificates", body) is Code.KEY_INVALID
    second = net.customer("Baurzhan")
    assert refusal(second.certify_key, aigul.person.key) is Code.AUTH_FORBIDDEN


def test_a_person_gets_the_same_certificate_again_and_a_merchant_a_new_one(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop", kind=WalletKind.MERCHANT)
    first = aigul.person.certificate
    net.now += DAY
    assert aigul.certify_key(aigul.person.key) == first
    old = shop.person.certificate
    new = shop.certify_key(shop.person.key)
    assert new.body.key == old.body.key
    assert new.body.wallet != old.body.wallet
    assert new.body.expires > old.body.expires
    assert (new.body.category, new.body.name) == (5411, "Shop")
    net.now += 60 * DAY
    assert refusal(aigul.certify_key, aigul.person.key) is Code.CERTIFICATE_EXPIRED
    assert aigul.certify().body.wallet != first.body.wallet


def test_a_funding_is_debited_once_and_belongs_to_its_customer(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    first = aigul.fund_raw(b"f" * 16, 100_000, 50_000)
    assert aigul.fund_raw(b"f" * 16, 100_000, 50_000) == first
    assert aigul.balance() == OPENING - 150_000
    assert refusal(aigul.fund_raw, b"f" * 16, 100_000) is Code.FUNDING_MISMATCH
    assert refusal(baurzhan.fund_raw, b"f" * 16, 100_000, 50_000) is Code.FUNDING_MISMATCH
    assert refusal(aigul.fund_raw, b"g" * 16, OPENING) is Code.ACCOUNT_SHORT
    assert refusal(aigul.fund_raw, b"h" * 16, 60_000_000) is Code.LIMIT_BALANCE
    body = [b"i" * 16, baurzhan.key, [1_000]]
    assert refusal(aigul.line().post, "/v1/fundings", body) is Code.NOT_CERTIFIED
    net.check_books()


def test_a_funding_the_central_bank_refuses_for_good_is_back_on_the_account(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    baurzhan.fund_raw(b"f" * 16, 1_000)
    assert refusal(aigul.fund_raw, b"f" * 16, 1_000) is Code.FUNDING_MISMATCH
    assert aigul.balance() == OPENING
    net.check_books()


def test_a_funding_cut_off_from_the_central_bank_is_finished_later(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    net.down.add(CENTRAL_BANK)
    assert refusal(aigul.fund_raw, b"f" * 16, 1_000) is Code.UNREACHABLE
    assert aigul.line().get("/v1/account")[3] == [[b"f" * 16, 1_000]]
    assert aigul.balance() == OPENING - 1_000
    net.down.clear()
    net.settle_down(1)
    assert aigul.line().get("/v1/account")[3] == []
    bundle, _rows = aigul.deliveries()
    assert [item.body.funding for item in bundle.issuances] == [b"f" * 16]
    assert aigul.fund_raw(b"f" * 16, 1_000) == bundle.issuances[0]
    net.check_books()


def test_a_loss_revokes_every_wallet_and_shuts_out_the_lost_device(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    aigul.certify()
    (code,) = net.line("alatau", net.operator).post("/v1/devices", [b"n" * 16, aigul.account])
    found = Customer(net, "alatau", "Aigul again", Key.of("new device"), epochs=list(aigul.epochs))
    net.enrol(found, code)
    assert found.balance() == aigul.balance()
    assert found.line().post("/v1/losses", []) == []
    assert refusal(aigul.balance) is Code.AUTH_FORBIDDEN
    net.settle_down(1)
    revoked = net.policy().revoked
    assert [revoked.get(epoch.certificate.body.revocation_id) for epoch in aigul.epochs] == [
        Reason.LOST,
        Reason.LOST,
    ]
    found.certify()
    assert found.person.certificate.body.revocation_id not in net.policy().revoked
    found.fund(1_000)


def test_a_device_without_another_is_told_so_and_reports_nothing_however_often(net: LedgerNetwork) -> None:
    """None of the day's losses is used up: each of them counts once there are others."""
    aigul = net.customer("Aigul")
    aigul.fund(1_000)
    for _ in range(MAX_LOSSES_A_DAY + 1):
        net.now += 60
        assert aigul.line().get("/v1/losses?devices=1") == [0, None, 0]
        aigul.line().post("/v1/losses", [1])
    net.settle_down(1)
    assert not net.policy().revoked
    (code,) = net.line("alatau", net.operator).post("/v1/devices", [b"n" * 16, aigul.account])
    other = Customer(net, "alatau", "Aigul again", Key.of("new device"), epochs=[])
    net.enrol(other, code)
    other.certify()
    assert aigul.line().get("/v1/losses?devices=1")[2] == 1
    assert refusal(aigul.line().get, "/v1/losses?devices=2") is Code.MALFORMED
    aigul.line().post("/v1/losses", [1])
    net.settle_down(1)
    assert list(net.policy().revoked) == [other.person.certificate.body.revocation_id]
    assert aigul.line().get("/v1/losses?devices=1")[2] == 0


def test_a_loss_is_counted_and_dated_and_the_device_that_reports_it_goes_on(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    tokens = aigul.fund(70_000, 30_000)
    (code,) = net.line("alatau", net.operator).post("/v1/devices", [b"n" * 16, aigul.account])
    found = Customer(net, "alatau", "Aigul again", Key.of("new device"), epochs=[])
    net.enrol(found, code)
    found.certify()
    found.fund(5_000)
    until = redeem_until(max(token.expires for token in tokens), net.policy().head.grace)
    assert found.line().get("/v1/losses") == [100_000, until]
    assert aigul.line().get("/v1/losses")[0] == 5_000
    assert net.customer("Somebody").line().get("/v1/losses") == [0, None]
    assert found.line().post("/v1/losses", [1]) == []
    assert found.line().post("/v1/losses", [1]) == []
    assert refusal(found.line().post, "/v1/losses", [0]) is Code.MALFORMED
    net.settle_down(1)
    assert aigul.person.certificate.body.revocation_id in net.policy().revoked
    assert found.person.certificate.body.revocation_id not in net.policy().revoked
    found.fund(1_000)
    net.check_books()


def test_a_key_is_in_use_while_anything_of_it_is_open_and_only_its_owner_learns_that(
    net: LedgerNetwork,
) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    assert aigul.line().post("/v1/keys", [aigul.key]) == []
    tokens = aigul.fund(500_000)
    assert aigul.line().post("/v1/keys", [aigul.key, baurzhan.key]) == [aigul.key]
    assert net.customer("Dauren").line().post("/v1/keys", [aigul.key]) == []
    paid = net.pay(aigul, tokens, baurzhan, 500_000)
    baurzhan.upload(paid)
    assert aigul.line().post("/v1/keys", [aigul.key]) == [aigul.key], (
        "its bank does not know of the payment yet"
    )
    net.settle_down()
    assert aigul.line().post("/v1/keys", [aigul.key]) == []
    assert baurzhan.line().post("/v1/keys", [baurzhan.key]) == [baurzhan.key]
    net.now += 121 * DAY
    net.settle_down()
    assert baurzhan.line().post("/v1/keys", [baurzhan.key]) == []


def test_nobody_else_can_hide_a_transfer_behind_a_bad_copy(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    baurzhan, thief = net.customer("Baurzhan", "zhibek"), net.customer("Dauren", "zhibek")
    paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    spoilt = replace(paid, signature=thief.person.key.sign(bytes(32)))
    (row,) = thief.upload_bundle(Bundle((spoilt,)))
    assert row.settlement is None, "nobody can tell yet whose signature this should be"
    bundle = net.bundle([paid])
    assert refusal(thief.upload_bundle, replace(bundle, transfers=(spoilt,))) is Code.TRANSFER_SIGNATURE
    (row,) = baurzhan.upload(paid)
    assert row.settlement is not None
    assert row.settlement.values == (300_000, 200_000)
    (again,) = thief.upload_bundle(replace(bundle, transfers=(spoilt,)))
    assert again.settlement == row.settlement
