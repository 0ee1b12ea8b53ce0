"""What happens to money, scene by scene, in a whole world in one process: two banks, central bank, notary, purses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import pytest

from ledger_sync.client import BankClient
from tests.support.audit import Audit, kinds_of_evidence
from tests.support.holders import Holder
from tests.support.system import BANKS, OPENING, System
from tests.support.world import DAY
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.evidence import Contradiction, check_evidence
from wallet.protocol.payment import parse_payment
from wallet.purse.journal import PurseState
from wallet.purse.payments import PaymentState


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "scenes") as system:
        yield system


@pytest.fixture
def audit(world: System) -> Audit:
    return Audit(world)


def together(world: System, audit: Audit, *order: str) -> None:
    audit.moment()
    world.bring_together(*order)
    audit.at_rest()


def funded(world: System, name: str, bank: str, amount: int, **more: bool) -> Holder:
    holder = world.holder(name, bank, **more)
    holder.fund(amount)
    return holder


def refused(call: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()  # type: ignore[operator]
    return caught.value


def named(holder: Holder, audit: Audit) -> set[bytes]:
    """Wallet ids that the evidence in somebody's hands names."""
    return {check_evidence(item, audit.directory()).wallet for item in holder.wallet.evidence()}


def wallet_id(holder: Holder) -> bytes:
    certificate = holder.wallet.reconciling.certificate
    assert certificate is not None
    return certificate.body.wallet


# the main job


def test_money_goes_from_hand_to_hand_offline_and_comes_home_at_another_bank(
    world: System, audit: Audit
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 5_000_000), world.holder("bolat", "zhibek")
    chen = world.holder("chen", "zhibek", merchant=True)
    with world.network.offline():
        assert aliya.pay(bolat, 1_234_500).code is None
        assert bolat.pay(chen, 1_000_000).code is None
        assert (aliya.held, bolat.held, chen.held) == (3_765_500, 234_500, 1_000_000)
    chen.sync()
    chen.defund(1_000_000)
    assert chen.account_balance() == OPENING + 1_000_000
    together(world, audit)
    assert (aliya.held, bolat.held, chen.held) == (3_765_500, 234_500, 0)
    assert bolat.wallet.balance().unsettled == 0


@pytest.mark.parametrize("order", [("aliya", "bolat"), ("bolat", "aliya")])
def test_a_payment_its_payee_never_saw_is_found_at_the_other_bank(
    world: System, audit: Audit, order: tuple[str, ...]
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 5_000_000), world.holder("bolat", "zhibek")
    raw = aliya.pay_unseen(bolat, 1_200_000)
    for name in order:
        world.holders[name].sync()
    world.settle_down()
    bolat.sync()
    assert bolat.held == 1_200_000
    received = bolat.wallet.receiving.receive(raw)
    assert (received.code, received.repeat_of is not None) == (None, True), "shown later it is a repeat"
    assert bolat.held == 1_200_000
    together(world, audit)


def test_showing_uploading_and_reconciling_again_changes_nothing(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 5_000_000), world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(700_000)
    payment, raw = aliya.show(request)
    first = bolat.wallet.receiving.receive(raw, request)
    for _ in range(2):
        again = bolat.wallet.receiving.receive(aliya.wallet.paying.show_again(payment), request)
        assert again.receipt == first.receipt
        assert again.repeat_of == world.now
        aliya.wallet.paying.acknowledge(payment, again.receipt)
    assert bolat.held == 700_000
    for _ in range(3):
        together(world, audit)
        assert (aliya.held, bolat.held) == (4_300_000, 700_000)


# a token copied and spent twice


@pytest.mark.parametrize("banks", list(product(BANKS, BANKS)))
@pytest.mark.parametrize("first", ["dana", "erlan"])
def test_a_copied_token_pays_the_first_and_names_the_copier(
    world: System, audit: Audit, banks: tuple[str, str], first: str
) -> None:
    cheat = funded(world, "cheat", "alatau", 3_000_000)
    dana, erlan = (
        world.holder("dana", banks[0], merchant=True),
        world.holder("erlan", banks[1], merchant=True),
    )
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    with world.network.offline():
        assert cheat.pay(dana, 3_000_000).code is None
        assert copy.pay(erlan, 3_000_000).code is None
    second = {"dana": "erlan", "erlan": "dana"}[first]
    world.holders[first].sync()
    world.settle_down()
    report = world.holders[second].sync()
    assert len(report.conflict | report.waiting) == 1
    together(world, audit, second, first)
    assert (world.holders[first].held, world.holders[second].held) == (3_000_000, 0)
    assert wallet_id(cheat) in named(world.holders[second], audit)
    assert audit.contradictions()
    assert kinds_of_evidence(world) == {Contradiction.CONFLICT}


def test_a_sequence_number_used_for_two_tokens_takes_nobodys_money(world: System, audit: Audit) -> None:
    cheat = world.holder("cheat", "alatau")
    for amount in (10_000, 20_000):
        cheat.fund(amount)
    dana, erlan = world.holder("dana", "zhibek"), world.holder("erlan", "alatau")
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    with world.network.offline():
        assert cheat.pay(dana, 10_000).code is None
        assert copy.pay(erlan, 20_000).code is None
    together(world, audit, "dana", "erlan")
    assert (dana.held, erlan.held) == (10_000, 20_000)
    assert kinds_of_evidence(world) == {Contradiction.SEQUENCE_FORK}
    assert audit.contradictions()


def test_who_descends_from_the_second_spending_is_short_and_not_blamed(world: System, audit: Audit) -> None:
    cheat = funded(world, "cheat", "alatau", 3_000_000)
    dana, erlan = world.holder("dana", "zhibek"), world.holder("erlan", "alatau")
    gulnar, hadisha = world.holder("gulnar", "zhibek"), world.holder("hadisha", "alatau")
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    with world.network.offline():
        cheat.pay(dana, 3_000_000)
        copy.pay(erlan, 3_000_000)
        erlan.pay(gulnar, 2_000_000)
        gulnar.pay(hadisha, 500_000)
    dana.sync()
    world.settle_down()
    report = hadisha.sync()
    world.settle_down()
    report = hadisha.sync() if report.waiting else report
    assert (len(report.conflict), len(report.short)) == (1, 2)
    together(world, audit)
    assert (dana.held, erlan.held, gulnar.held, hadisha.held) == (3_000_000, 0, 0, 0)
    assert wallet_id(cheat) in named(hadisha, audit), "the holder keeps evidence as a claim"


def test_the_next_shop_learns_of_a_cheat_from_another_wallet(world: System, audit: Audit) -> None:
    cheat = funded(world, "cheat", "alatau", 3_000_000)
    dana, erlan = world.holder("dana", "zhibek"), world.holder("erlan", "alatau")
    shop, gulnar = world.holder("shop", "zhibek", merchant=True), funded(world, "gulnar", "alatau", 1_000_000)
    audit.cheats.add(cheat.account)
    snapshot = cheat.snapshot()
    copies = [cheat.clone(snapshot, f"copy {n}") for n in range(2)]
    cheat.pay(dana, 2_000_000)
    copies[0].pay(erlan, 2_000_000)
    for name in ("dana", "erlan"):
        world.holders[name].sync()
    world.settle_down()
    world.now += 120  # revocations of some seconds share a delta, and banks ask for it now and then
    world.network.work()
    gulnar.sync()
    with world.network.offline():
        request = shop.wallet.receiving.request(1_000_000)
        before = shop.wallet.reconciling.policy_version
        assert gulnar.pay(shop, 50_000).code is None, "one who has been online passes the policy on"
        assert shop.wallet.reconciling.policy_version > before
        _, raw = copies[1].show(request)
        received = shop.wallet.receiving.receive(raw, request)
    assert received.code is Code.REVOKED_CONFLICT
    assert shop.held == 50_000
    together(world, audit)


# refusing, returning


@pytest.mark.parametrize("uploader", ["aliya", "bolat"])
def test_a_refused_payment_comes_back_whoever_uploads_it(world: System, audit: Audit, uploader: str) -> None:
    aliya, chen = funded(world, "aliya", "alatau", 2_000_000), funded(world, "chen", "alatau", 2_000_000)
    bolat = world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    with world.network.offline():
        first, second = chen.show(request), aliya.show(request)
        bolat.wallet.receiving.receive(first[1], request)
        received = bolat.wallet.receiving.receive(second[1], request)
        assert received.code is Code.REQUEST_ANSWERED
        assert aliya.wallet.paying.acknowledge(second[0], received.receipt) is PaymentState.REFUSED
        assert (aliya.held, bolat.held) == (500_000, 1_500_000)
        assert aliya.wallet.balance().redeeming == 1_500_000
    world.holders[uploader].sync()
    world.settle_down()
    aliya.sync()
    assert aliya.held == 2_000_000
    together(world, audit)
    assert (aliya.held, bolat.held, chen.held) == (2_000_000, 1_500_000, 500_000)


def test_a_refusal_whose_receipt_was_lost_is_learnt_from_the_ledger(world: System, audit: Audit) -> None:
    """History had the payment as settled, and the money that came back as a funding that nobody had asked for."""
    aliya, chen = funded(world, "aliya", "alatau", 2_000_000), funded(world, "chen", "alatau", 2_000_000)
    bolat = world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    with world.network.offline():
        bolat.wallet.receiving.receive(chen.show(request)[1], request)
        payment, raw = aliya.show(request)
        received = bolat.wallet.receiving.receive(raw, request)
    together(world, audit)
    assert aliya.held == 2_000_000
    kinds = {event.kind: (event.state, event.change) for event in aliya.wallet.history()}
    assert kinds == {"funded": ("done", 2_000_000), "paid": ("refused", 0)}
    assert aliya.wallet.paying.acknowledge(payment, received.receipt) is PaymentState.REFUSED
    assert aliya.wallet.paying.summary(payment).code is Code.REQUEST_ANSWERED
    together(world, audit)


def test_a_request_whose_payment_was_forgotten_is_not_paid_again(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    before = aliya.snapshot()
    received = bolat.wallet.receiving.receive(aliya.show(request)[1], request)
    aliya.restore(before)
    bolat.sync()
    world.settle_down()
    aliya.sync()
    paying = aliya.wallet.paying
    assert paying.consider(request).prior is PaymentState.SHOWN
    found = paying.of_receipt(received.receipt)
    assert paying.reserve(request) == found
    assert paying.acknowledge(found, received.receipt) is PaymentState.ACKNOWLEDGED
    together(world, audit)
    assert (aliya.held, bolat.held) == (500_000, 1_500_000)


def test_a_printed_code_is_paid_by_many_and_twice_only_on_purpose(world: System, audit: Audit) -> None:
    shop = world.holder("shop", "zhibek", merchant=True)
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), funded(world, "bolat", "zhibek", 2_000_000)
    code = shop.wallet.receiving.request(1_000_000, is_open=True, printed=True, valid_for=20 * DAY)
    with world.network.offline():
        _, first = aliya.show(code, 300_000)
        assert refused(lambda: aliya.show(code, 300_000)).code is Code.ALREADY_PAID, (
            "show again, or pay anew?"
        )
        _, anew = aliya.show(code, 300_000, anew=True)
        _, other = bolat.show(code, 450_000)
        for raw in (first, anew, other, first):
            assert shop.wallet.receiving.receive(raw).code is None
        assert shop.held == 1_050_000
    together(world, audit)
    shop.sync()
    _, later = bolat.show(code, 100_000, anew=True)
    assert shop.wallet.receiving.receive(later).code is None, "the code outlives a reconciling"
    together(world, audit)
    assert shop.held == 1_150_000


# the far ends of a token's life


def test_money_at_hop_15_goes_no_further_and_can_be_redeemed(world: System, audit: Audit) -> None:
    people = [world.holder(f"holder {n}", ("alatau", "zhibek")[n % 2]) for n in range(MAX_HOP + 2)]
    people[0].fund(10_000)
    with world.network.offline():
        for payer, payee in pairwise(people[: MAX_HOP + 1]):
            assert payer.pay(payee, 10_000).code is None
        last, beyond = people[MAX_HOP], people[MAX_HOP + 1]
        request = beyond.wallet.receiving.request(10_000)
        assert refused(lambda: last.show(request)).code is Code.HOPS_USED_UP
    world.settle_down()
    last.defund(10_000)
    assert (last.held, last.account_balance()) == (0, OPENING + 10_000)
    together(world, audit)


def test_what_is_lost_with_a_device_comes_back_after_expiry_and_grace(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    aliya.pay(bolat, 500_000)
    bolat.sync()
    world.settle_down()
    world.now += 121 * DAY
    world.settle_down()
    assert world.rows("alatau", "select balance from accounts where id = ?", aliya.account) == [
        (OPENING - 500_000,)
    ]
    assert world.rows("zhibek", "select balance from accounts where id = ?", bolat.account) == [
        (OPENING + 500_000,)
    ]
    together(world, audit)
    assert (aliya.held, bolat.held) == (0, 0)


def test_who_comes_after_the_refund_is_too_late_and_nobody_is_blamed(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    aliya.pay(bolat, 2_000_000)
    world.now += 121 * DAY
    world.settle_down()
    assert world.rows("alatau", "select balance from accounts where id = ?", aliya.account) == [(OPENING,)]
    together(world, audit)
    assert bolat.held == 0
    assert not bolat.wallet.evidence()


# purses lost and put back


def test_an_old_purse_under_a_new_record_waits_until_the_ledger_knows_all(
    world: System, audit: Audit
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    old = aliya.snapshot()
    with world.network.offline():
        aliya.pay(bolat, 600_000)
    aliya.restore(old)
    assert aliya.wallet.state is PurseState.ROLLED_BACK
    request = bolat.wallet.receiving.request(100_000)
    assert refused(lambda: aliya.show(request)).code is Code.ROLLBACK
    aliya.sync()
    assert aliya.wallet.state is PurseState.ROLLED_BACK, "the ledger does not know the payment yet"
    bolat.sync()
    world.settle_down()
    aliya.sync()
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 1_400_000
    together(world, audit)
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_a_lost_purse_is_filled_again_from_the_ledger(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), funded(world, "bolat", "zhibek", 1_000_000)
    aliya.pay(bolat, 600_000)
    together(world, audit)
    bolat.pay(aliya, 50_000)
    bolat.sync()
    world.settle_down()
    aliya.lose_purse()
    assert aliya.wallet.state is PurseState.ROLLED_BACK
    together(world, audit)
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 1_450_000
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_the_same_payment_bytes_from_a_restored_payer_are_a_repeat(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    raw = aliya.pay_unseen(bolat, 300_000)
    old = aliya.snapshot()
    aliya.sync()
    aliya.restore(old)
    (pending,) = aliya.wallet.paying.pending()
    assert aliya.wallet.paying.show_again(pending.id) == raw
    assert len(parse_payment(raw).newest) == 1
    together(world, audit)
    assert bolat.held == 300_000


def test_what_was_refused_stays_refused_when_the_purse_is_lost(world: System, audit: Audit) -> None:
    aliya, chen = (
        funded(world, "aliya", "alatau", 2_000_000),
        funded(world, "chen", "alatau", 2_000_000),
    )
    bolat = world.holder("bolat", "zhibek")
    request = bolat.wallet.receiving.request(1_500_000)
    bolat.wallet.receiving.receive(chen.show(request)[1], request)
    payment, raw = aliya.show(request)
    refusal = bolat.wallet.receiving.receive(raw, request)
    assert refusal.code is Code.REQUEST_ANSWERED
    together(world, audit)
    bolat.lose_purse()
    together(world, audit)
    again = bolat.wallet.receiving.receive(raw, request)
    assert again.code is not None, "what was given back is not accepted later"
    assert aliya.wallet.paying.acknowledge(payment, again.receipt) is PaymentState.REFUSED
    together(world, audit)
    assert (aliya.held, bolat.held) == (2_000_000, 1_500_000)


def test_a_refusal_that_brings_nothing_back_is_no_longer_on_the_way(world: System, audit: Audit) -> None:
    cheat = funded(world, "cheat", "alatau", 1_000_000)
    aliya, bolat = world.holder("aliya", "alatau"), world.holder("bolat", "zhibek")
    chen, dana = funded(world, "chen", "alatau", 1_000_000), world.holder("dana", "zhibek")
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    copy.pay(aliya, 1_000_000)
    request = bolat.wallet.receiving.request(1_000_000)
    bolat.wallet.receiving.receive(chen.show(request)[1], request)
    payment, raw = aliya.show(request)
    refusal = bolat.wallet.receiving.receive(raw, request)
    assert aliya.wallet.paying.acknowledge(payment, refusal.receipt) is PaymentState.REFUSED
    assert aliya.wallet.balance().redeeming == 1_000_000
    cheat.pay(dana, 1_000_000)
    dana.sync()
    world.settle_down()
    together(world, audit)
    assert (aliya.held, aliya.wallet.balance().redeeming) == (0, 0)
    assert not aliya.wallet.reconciling.open_redemptions()


def test_a_recovering_purse_refuses_nothing_and_gets_the_payment_from_the_ledger(
    world: System, audit: Audit
) -> None:
    """It does not know yet what it has had and paid: a refusal could contradict that."""
    bolat, aliya = funded(world, "bolat", "zhibek", 1_000_000), funded(world, "aliya", "alatau", 1_000_000)
    erlan = world.holder("erlan", "alatau")
    bolat.pay(aliya, 1_000)
    erlan_request = erlan.wallet.receiving.request(10_000)
    _, unseen = bolat.show(erlan_request)
    request = bolat.wallet.receiving.request(50_000)
    aliya.sync()
    world.settle_down()
    bolat.lose_purse()
    bolat.sync()
    _, raw = aliya.show(request)
    assert refused(lambda: bolat.wallet.receiving.receive(raw)).code is Code.ROLLBACK
    bolat.sync()
    erlan.wallet.receiving.receive(unseen, erlan_request)
    together(world, audit)
    assert (bolat.held, bolat.wallet.state) == (1_000_000 - 1_000 - 10_000 + 50_000, PurseState.SOUND)


def test_a_funding_nobody_heard_of_does_not_keep_a_wallet_from_reconciling(
    world: System, audit: Audit
) -> None:
    aliya, bolat = world.holder("aliya", "alatau"), funded(world, "bolat", "zhibek", 1_000_000)
    aliya.wallet.reconciling.begin_funding(200_000)
    world.now += 65 * DAY
    world.settle_down()
    aliya.sync()
    bolat.sync()
    assert bolat.pay(aliya, 100_000).code is None
    together(world, audit)
    assert (aliya.held, aliya.account_balance()) == (100_000, OPENING)


def test_a_purse_rolled_back_for_good_can_be_used_again_after_expiry_and_grace(
    world: System, audit: Audit
) -> None:
    """What it signed is lost with both purses; the money comes back by refund, and then nothing is left to wait for."""
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    old, before = aliya.snapshot(), bolat.snapshot()
    aliya.pay(bolat, 600_000)
    aliya.restore(old)
    bolat.restore(before)
    together(world, audit)
    assert aliya.wallet.state is PurseState.ROLLED_BACK
    for _ in range(3):
        world.now += 41 * DAY
        world.settle_down()
        together(world, audit)
    assert aliya.account_balance() == OPENING
    assert aliya.wallet.state is PurseState.SOUND
    aliya.fund(500_000)
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_a_number_that_was_dropped_does_not_keep_a_lost_purse_waiting(world: System, audit: Audit) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), funded(world, "bolat", "zhibek", 1_000_000)
    chen = funded(world, "chen", "zhibek", 1_000_000)
    intent = aliya.wallet.paying.reserve(bolat.wallet.receiving.request(100_000))
    request = aliya.wallet.receiving.request(50_000)
    assert aliya.wallet.receiving.receive(chen.show(request)[1], request).code is None
    payment, raw = bolat.show(request)
    refusal = aliya.wallet.receiving.receive(raw, request)
    assert refusal.code is Code.REQUEST_ANSWERED
    bolat.wallet.paying.acknowledge(payment, refusal.receipt)
    aliya.wallet.paying.drop(intent)
    aliya.lose_purse()
    together(world, audit)
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 2_050_000


def test_a_purse_lost_after_its_first_key_was_destroyed_knows_what_that_key_signed(
    world: System, audit: Audit
) -> None:
    aliya, bolat = funded(world, "aliya", "alatau", 2_000_000), world.holder("bolat", "zhibek")
    aliya.pay(bolat, 600_000)
    (first,) = (key for key in aliya.keystore.aliases() if key != "device")
    together(world, audit)
    for _ in range(4):
        world.now += 28 * DAY
        together(world, audit)
    assert first not in aliya.keystore.aliases(), "no longer needed by anybody"
    aliya.lose_purse()
    together(world, audit)
    assert aliya.wallet.state is PurseState.SOUND
    assert aliya.held == 1_400_000
    assert aliya.pay(bolat, 100_000).code is None
    together(world, audit)


def test_a_bank_can_name_no_key_as_ours_that_our_device_never_had(world: System, audit: Audit) -> None:
    aliya, bolat = world.holder("aliya", "alatau"), world.holder("bolat", "alatau")
    mine = {wallet.body.key for wallet in (aliya.wallet.reconciling.certificate,) if wallet is not None}
    assert set(aliya.bank_client.own_keys()) == mine
    assert mine.isdisjoint(bolat.bank_client.own_keys())
    told = aliya.bank_client._service.post("/v1/possessions", [b""])

    class Liar:
        def get(self, path: str) -> Cbor:
            raise AssertionError(path)

        def post(self, path: str, value: Cbor) -> Cbor:
            return told if value == [b""] else []

    assert list(BankClient(Liar(), "alatau", bolat.bank_client.device_key).own_keys()) == []
    together(world, audit)
