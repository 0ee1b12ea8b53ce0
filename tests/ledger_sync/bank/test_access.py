"""Who may do what at a bank: accounts, devices, certificates, fundings, losses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_sync.bank.terms import MAX_LOSSES_A_DAY
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.network import OPENING, Customer, LedgerNetwork
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


def test_strangers_other_banks_and_customers_get_nothing_that_is_not_theirs(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    paid = town.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    aigul.upload(paid)
    stranger = town.line("alatau", Key.of("stranger"))
    foreigner = town.customer("Chingiz", "zhibek")
    for line in (stranger, town.line("alatau", foreigner.device)):
        assert refusal(line.get, "/v1/account") is Code.AUTH_FORBIDDEN
        assert refusal(line.post, "/v1/uploads", Bundle().to_cbor()) is Code.AUTH_FORBIDDEN
        assert refusal(line.post, "/v1/relays", Bundle().to_cbor()) is Code.AUTH_FORBIDDEN
        assert refusal(line.get, f"/v1/transfers/{paid.id.hex()}") is Code.AUTH_FORBIDDEN
    for path in ("/v1/books", f"/v1/transfers/{paid.id.hex()}"):
        assert refusal(aigul.line().get, path) is Code.AUTH_FORBIDDEN
    assert refusal(aigul.line().post, "/v1/customers", [bytes(16), "x", 0, 0, 1]) is Code.AUTH_FORBIDDEN
    dauren = town.customer("Dauren")
    assert dauren.verdict(paid).settlement is None, "an answer only to those whom it concerns"
    assert dauren.deliveries()[1] == []


def test_an_enrolment_code_serves_one_device_and_that_one_again(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    body = [b"e" * 16, "Erlan", 0, 0, 1_000]
    operator = town.line("alatau", town.operator)
    (code,) = operator.post("/v1/customers", body)
    assert operator.post("/v1/customers", body) == [code]
    assert refusal(operator.post, "/v1/customers", [b"e" * 16, "Erlan", 0, 0, 2_000]) is Code.FUNDING_MISMATCH
    erlan = Customer(town, "alatau", "Erlan", Key.of("Erlan device"))
    town.enrol(erlan, code)
    town.enrol(erlan, code)
    assert erlan.balance() == 1_000
    thief = Customer(town, "alatau", "thief", Key.of("thief"))
    assert refusal(town.enrol, thief, code) is Code.ENROLMENT_UNKNOWN
    assert refusal(town.enrol, thief, "GUESSED") is Code.ENROLMENT_UNKNOWN
    assert refusal(town.enrol, aigul, code) is Code.AUTH_FORBIDDEN or baurzhan.balance() == OPENING


def test_a_device_of_one_account_gets_into_no_other(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    (code,) = town.line("alatau", town.operator).post("/v1/devices", [b"d" * 16, baurzhan.account])
    assert refusal(town.enrol, aigul, code) is Code.AUTH_FORBIDDEN
    assert aigul.account != baurzhan.account


def test_only_the_owner_of_a_key_has_it_certified(town: LedgerNetwork) -> None:
    aigul, thief = town.customer("Aigul"), town.customer("Dauren", "zhibek")
    proof = aigul.person.key.sign(bytes(32))
    body = [aigul.key, 0, proof]
    assert refusal(thief.line().post, "/v1/certificates", body) is Code.KEY_INVALID
    second = town.customer("Baurzhan")
    assert refusal(second.certify_key, aigul.person.key) is Code.AUTH_FORBIDDEN


def test_a_person_gets_the_same_certificate_again_and_a_merchant_a_new_one(town: LedgerNetwork) -> None:
    aigul, shop = town.customer("Aigul"), town.customer("Shop", kind=WalletKind.MERCHANT)
    first = aigul.person.certificate
    town.now += DAY
    assert aigul.certify_key(aigul.person.key) == first
    old = shop.person.certificate
    new = shop.certify_key(shop.person.key)
    assert new.body.key == old.body.key
    assert new.body.wallet != old.body.wallet
    assert new.body.expires > old.body.expires
    assert (new.body.category, new.body.name) == (5411, "Shop")
    town.now += 60 * DAY
    assert refusal(aigul.certify_key, aigul.person.key) is Code.CERTIFICATE_EXPIRED
    assert aigul.certify().body.wallet != first.body.wallet


def test_a_funding_is_debited_once_and_belongs_to_its_customer(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    first = aigul.fund_raw(b"f" * 16, 100_000, 50_000)
    assert aigul.fund_raw(b"f" * 16, 100_000, 50_000) == first
    assert aigul.balance() == OPENING - 150_000
    assert refusal(aigul.fund_raw, b"f" * 16, 100_000) is Code.FUNDING_MISMATCH
    assert refusal(baurzhan.fund_raw, b"f" * 16, 100_000, 50_000) is Code.FUNDING_MISMATCH
    assert refusal(aigul.fund_raw, b"g" * 16, OPENING) is Code.ACCOUNT_SHORT
    assert refusal(aigul.fund_raw, b"h" * 16, 60_000_000) is Code.LIMIT_BALANCE
    body = [b"i" * 16, baurzhan.key, [1_000]]
    assert refusal(aigul.line().post, "/v1/fundings", body) is Code.NOT_CERTIFIED
    town.check_books()


def test_a_funding_the_central_bank_refuses_for_good_is_back_on_the_account(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan", "zhibek")
    baurzhan.fund_raw(b"f" * 16, 1_000)
    assert refusal(aigul.fund_raw, b"f" * 16, 1_000) is Code.FUNDING_MISMATCH
    assert aigul.balance() == OPENING
    town.check_books()


def test_a_funding_cut_off_from_the_central_bank_is_finished_later(town: LedgerNetwork) -> None:
    aigul = town.customer("Aigul")
    town.down.add(CENTRAL_BANK)
    assert refusal(aigul.fund_raw, b"f" * 16, 1_000) is Code.UNREACHABLE
    assert aigul.line().get("/v1/account")[3] == [[b"f" * 16, 1_000]]
    assert aigul.balance() == OPENING - 1_000
    town.down.clear()
    town.settle_down(1)
    assert aigul.line().get("/v1/account")[3] == []
    bundle, _rows = aigul.deliveries()
    assert [item.body.funding for item in bundle.issuances] == [b"f" * 16]
    assert aigul.fund_raw(b"f" * 16, 1_000) == bundle.issuances[0]
    town.check_books()


def test_a_loss_revokes_every_wallet_and_shuts_out_the_lost_device(town: LedgerNetwork) -> None:
    aigul = town.customer("Aigul")
    aigul.certify()
    (code,) = town.line("alatau", town.operator).post("/v1/devices", [b"n" * 16, aigul.account])
    found = Customer(town, "alatau", "Aigul again", Key.of("new device"), epochs=list(aigul.epochs))
    town.enrol(found, code)
    assert found.balance() == aigul.balance()
    assert found.line().post("/v1/losses", []) == []
    assert refusal(aigul.balance) is Code.AUTH_FORBIDDEN
    town.settle_down(1)
    revoked = town.policy().revoked
    assert [revoked.get(epoch.certificate.body.revocation_id) for epoch in aigul.epochs] == [
        Reason.LOST,
        Reason.LOST,
    ]
    found.certify()
    assert found.person.certificate.body.revocation_id not in town.policy().revoked
    found.fund(1_000)


def test_a_device_without_another_is_told_so_and_reports_nothing_however_often(town: LedgerNetwork) -> None:
    """None of the day's losses is used up: each of them counts once there are others."""
    aigul = town.customer("Aigul")
    aigul.fund(1_000)
    for _ in range(MAX_LOSSES_A_DAY + 1):
        town.now += 60
        assert aigul.line().get("/v1/losses?devices=1") == [0, None, 0]
        aigul.line().post("/v1/losses", [1])
    town.settle_down(1)
    assert not town.policy().revoked
    (code,) = town.line("alatau", town.operator).post("/v1/devices", [b"n" * 16, aigul.account])
    other = Customer(town, "alatau", "Aigul again", Key.of("new device"), epochs=[])
    town.enrol(other, code)
    other.certify()
    assert aigul.line().get("/v1/losses?devices=1")[2] == 1
    assert refusal(aigul.line().get, "/v1/losses?devices=2") is Code.MALFORMED
    aigul.line().post("/v1/losses", [1])
    town.settle_down(1)
    assert list(town.policy().revoked) == [other.person.certificate.body.revocation_id]
    assert aigul.line().get("/v1/losses?devices=1")[2] == 0


def test_a_loss_is_counted_and_dated_and_the_device_that_reports_it_goes_on(town: LedgerNetwork) -> None:
    aigul = town.customer("Aigul")
    tokens = aigul.fund(70_000, 30_000)
    (code,) = town.line("alatau", town.operator).post("/v1/devices", [b"n" * 16, aigul.account])
    found = Customer(town, "alatau", "Aigul again", Key.of("new device"), epochs=[])
    town.enrol(found, code)
    found.certify()
    found.fund(5_000)
    until = redeem_until(max(token.expires for token in tokens), town.policy().head.grace)
    assert found.line().get("/v1/losses") == [100_000, until]
    assert aigul.line().get("/v1/losses")[0] == 5_000
    assert town.customer("Somebody").line().get("/v1/losses") == [0, None]
    assert found.line().post("/v1/losses", [1]) == []
    assert found.line().post("/v1/losses", [1]) == []
    assert refusal(found.line().post, "/v1/losses", [0]) is Code.MALFORMED
    town.settle_down(1)
    assert aigul.person.certificate.body.revocation_id in town.policy().revoked
    assert found.person.certificate.body.revocation_id not in town.policy().revoked
    found.fund(1_000)
    town.check_books()


def test_a_key_is_in_use_while_anything_of_it_is_open_and_only_its_owner_learns_that(
    town: LedgerNetwork,
) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan", "zhibek")
    assert aigul.line().post("/v1/keys", [aigul.key]) == []
    tokens = aigul.fund(500_000)
    assert aigul.line().post("/v1/keys", [aigul.key, baurzhan.key]) == [aigul.key]
    assert town.customer("Dauren").line().post("/v1/keys", [aigul.key]) == []
    paid = town.pay(aigul, tokens, baurzhan, 500_000)
    baurzhan.upload(paid)
    assert aigul.line().post("/v1/keys", [aigul.key]) == [aigul.key], (
        "its bank does not know of the payment yet"
    )
    town.settle_down()
    assert aigul.line().post("/v1/keys", [aigul.key]) == []
    assert baurzhan.line().post("/v1/keys", [baurzhan.key]) == [baurzhan.key]
    town.now += 121 * DAY
    town.settle_down()
    assert baurzhan.line().post("/v1/keys", [baurzhan.key]) == []


def test_nobody_else_can_hide_a_transfer_behind_a_bad_copy(town: LedgerNetwork) -> None:
    aigul = town.customer("Aigul")
    baurzhan, thief = town.customer("Baurzhan", "zhibek"), town.customer("Dauren", "zhibek")
    paid = town.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    spoilt = replace(paid, signature=thief.person.key.sign(bytes(32)))
    (row,) = thief.upload_bundle(Bundle((spoilt,)))
    assert row.settlement is None, "nobody can tell yet whose signature this should be"
    bundle = town.bundle([paid])
    assert refusal(thief.upload_bundle, replace(bundle, transfers=(spoilt,))) is Code.TRANSFER_SIGNATURE
    (row,) = baurzhan.upload(paid)
    assert row.settlement is not None
    assert row.settlement.values == (300_000, 200_000)
    (again,) = thief.upload_bundle(replace(bundle, transfers=(spoilt,)))
    assert again.settlement == row.settlement
