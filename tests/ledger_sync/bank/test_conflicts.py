"""Conflicts, forks, broken limits: who is paid, who is blamed, and that nobody honest ever is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.customers import Customer, Row
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.support.world import Person
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Contradiction, check_evidence
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer


def verdict(row: Row) -> Verdict | None:
    return None if row.settlement is None else row.settlement.verdict


def clone(customer: Customer) -> Person:
    """What copying a wallet's folder gives: the same key, counting on from the same numbers."""
    person = customer.person
    return Person(person.key, person.certificate, person.sequence, person.total)


def double_spend(
    net: LedgerNetwork, cheat: Customer, one: Customer, other: Customer
) -> tuple[Signed[Transfer], ...]:
    tokens = cheat.fund(500_000)
    copied = clone(cheat)
    return (
        net.pay(cheat, tokens, one, 300_000),
        net.pay(copied, tokens, other, 400_000, edit=lambda body: replace(body, sequence=body.sequence + 5)),
    )


def reasons(net: LedgerNetwork, customer: Customer) -> set[Reason | None]:
    revoked = net.policy(customer.bank).revoked
    return {revoked.get(person.certificate.body.revocation_id) for person in customer.epochs}


@pytest.mark.parametrize("first_bank", ["alatau", "zhibek"])
@pytest.mark.parametrize("cheat_bank", ["alatau", "zhibek"])
def test_a_conflict_through_two_banks_pays_the_first_and_names_the_key(
    net: LedgerNetwork, first_bank: str, cheat_bank: str
) -> None:
    cheat = net.customer("Dauren", cheat_bank)
    shops = {bank: net.customer(f"Shop at {bank}", bank) for bank in ("alatau", "zhibek")}
    one, other = double_spend(net, cheat, shops["alatau"], shops["zhibek"])
    uploads = [(shops["alatau"], one), (shops["zhibek"], other)]
    if first_bank == "zhibek":
        uploads.reverse()
    (winner, loser) = [shop.upload(transfer)[0] for shop, transfer in uploads]
    assert verdict(winner) is Verdict.SETTLED
    assert verdict(loser) is Verdict.CONFLICT
    assert loser.settlement is not None
    assert loser.settlement.values == (0, 0)
    assert loser.evidence is not None
    culprit = check_evidence(loser.evidence, net.directory())
    assert (culprit.key, culprit.bank) == (cheat.key, cheat_bank)
    assert loser.evidence.kind is Contradiction.CONFLICT
    net.settle_down()
    assert reasons(net, cheat) == {Reason.CONFLICT}
    assert reasons(net, shops["alatau"]) == reasons(net, shops["zhibek"]) == {None}
    net.check_books()


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_a_conflict_in_one_upload_the_first_that_its_uploader_shows_is_paid(
    net: LedgerNetwork, is_reversed: bool
) -> None:
    """A payee shows what it accepted before what it then refused."""
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2")
    pair = double_spend(net, cheat, one, other)
    winner, loser = pair[::-1] if is_reversed else pair
    rows = one.upload(winner, loser)
    assert [verdict(row) for row in rows] == [Verdict.SETTLED, Verdict.CONFLICT]
    net.settle_down()
    assert reasons(net, cheat) == {Reason.CONFLICT}
    net.check_books()


def test_a_conflict_waits_while_the_other_bank_is_unreachable(net: LedgerNetwork) -> None:
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2", "zhibek")
    first, second = double_spend(net, cheat, one, other)
    one.upload(first)
    net.down.add("alatau")
    (waiting,) = other.upload(second)
    assert waiting.settlement is None
    assert waiting.evidence is None
    net.settle_down(1)
    net.down.clear()
    net.settle_down()
    row = other.verdict(second)
    assert verdict(row) is Verdict.CONFLICT
    assert row.evidence is not None
    assert reasons(net, cheat) == {Reason.CONFLICT}


def test_a_conflict_is_told_at_once_when_its_payload_is_shown_also_where_others_are_still_to_be_asked(
    net: LedgerNetwork,
) -> None:
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2", "zhibek")
    first, second = double_spend(net, cheat, one, other)
    one.upload(first)
    net.banks["zhibek"].node.work.add(Job(JobKind.FETCH, "zhibek", first.id))
    (row,) = other.upload(second)
    assert verdict(row) is Verdict.CONFLICT


def test_short_goes_down_the_chain_payee_before_change_and_carries_the_claim(net: LedgerNetwork) -> None:
    cheat, one = net.customer("Dauren"), net.customer("Shop 1")
    baurzhan, chingiz = net.customer("Baurzhan", "zhibek"), net.customer("Chingiz")
    bad, good = cheat.fund(500_000), baurzhan.fund(100_000)
    copied = clone(cheat)
    first = net.pay(cheat, bad, one, 500_000)
    second = net.pay(copied, bad, baurzhan, 500_000)
    third = net.pay(baurzhan, [net.outputs(second)[0], *good], chingiz, 150_000)
    fourth = net.pay(chingiz, net.outputs(third)[:1], one, 120_000)
    one.upload(first)
    rows = {row.txid: row for row in chingiz.upload(fourth)}
    assert verdict(rows[second.id]) is Verdict.CONFLICT
    assert (verdict(rows[third.id]), verdict(rows[fourth.id])) == (Verdict.SHORT, Verdict.SHORT)
    assert rows[third.id].settlement is not None
    assert rows[third.id].settlement.values == (100_000, 0)  # type: ignore[union-attr]
    assert rows[fourth.id].settlement is not None
    assert rows[fourth.id].settlement.values == (100_000, 0)  # type: ignore[union-attr]
    assert rows[fourth.id].evidence == rows[second.id].evidence is not None
    defund = net.defund(one, net.outputs(fourth)[:1])
    redeemed = next(row for row in one.upload(defund) if row.txid == defund.id)
    assert redeemed.value == 100_000
    net.settle_down()
    for honest in (one, baurzhan, chingiz):
        assert reasons(net, honest) == {None}
    net.check_books()


def test_a_sequence_fork_on_different_tokens_settles_both_and_revokes(net: LedgerNetwork) -> None:
    cheat, one, other = (
        net.customer("Dauren"),
        net.customer("Shop 1", "zhibek"),
        net.customer("Shop 2", "zhibek"),
    )
    tokens = cheat.fund(500_000, 400_000)
    copied = clone(cheat)
    first = net.pay(cheat, tokens[:1], one, 300_000)
    second = net.pay(copied, tokens[1:], other, 400_000)
    rows = [one.upload(first)[0], other.upload(second)[0]]
    assert [verdict(row) for row in rows] == [Verdict.SETTLED, Verdict.SETTLED]
    assert reasons(net, cheat) == {None}, "its bank has not seen them yet"
    net.settle_down()
    assert reasons(net, cheat) == {Reason.CONFLICT}
    net.check_books()


def test_one_number_under_two_keys_of_a_purse_proves_nothing(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    old_tokens = aigul.fund(500_000)
    old = clone(aigul)
    aigul.certify()
    new_tokens = aigul.fund(500_000)
    shop.upload(net.pay(old, old_tokens, shop, 300_000))
    shop.upload(net.pay(aigul, new_tokens, shop, 300_000, edit=lambda body: replace(body, total=600_000)))
    assert reasons(net, aigul) == {None}


def test_gaps_in_sequence_numbers_prove_nothing(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    token = aigul.fund(900_000)
    paid = net.pay(aigul, token, shop, 300_000, edit=lambda body: replace(body, sequence=70))
    shop.upload(paid)
    aigul.person.sequence = 90
    shop.upload(net.pay(aigul, net.outputs(paid)[1:], shop, 100_000))
    assert reasons(net, aigul) == {None}


def test_refusing_and_spending_are_one_ordinary_conflict_in_both_orders(net: LedgerNetwork) -> None:
    aigul, chingiz = net.customer("Aigul"), net.customer("Chingiz")
    for order in (0, 1):
        cheat = net.customer(f"Dauren {order}", "zhibek")
        paid = net.pay(aigul, aigul.fund(500_000), cheat, 500_000)
        token = net.outputs(paid)[0]
        copied = clone(cheat)
        refusal = net.refuse(cheat, token)
        spent = net.pay(copied, [token], chingiz, 500_000)
        uploads = [(aigul, refusal), (chingiz, spent)]
        if order:
            uploads.reverse()
        rows = [next(row for row in who.upload(what) if row.txid == what.id) for who, what in uploads]
        assert [verdict(row) for row in rows] == [Verdict.SETTLED, Verdict.CONFLICT]
        assert rows[1].evidence is not None
        assert check_evidence(rows[1].evidence, net.directory()).key == cheat.key
        net.settle_down()
        assert reasons(net, cheat) == {Reason.CONFLICT}
    assert reasons(net, aigul) == {None}
    net.check_books()


def test_a_refusal_gives_the_payer_the_money_back_whoever_uploads_it(net: LedgerNetwork) -> None:
    for who_uploads in (0, 1):
        aigul, baurzhan = net.customer(f"A{who_uploads}"), net.customer(f"B{who_uploads}", "zhibek")
        paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
        refusal = net.refuse(baurzhan, net.outputs(paid)[0])
        (aigul, baurzhan)[who_uploads].upload(refusal)
        net.settle_down()
        back, _rows = aigul.deliveries()
        returned = [item for item in back.issuances if item.body.funding == refusal.id[:16]]
        assert [(item.body.owner, item.body.amounts) for item in returned] == [(aigul.key, (300_000,))]
        _bundle, rows = baurzhan.deliveries()
        listed = {row.txid for row in rows}
        assert refusal.id in listed
        assert (paid.id in listed) is False
    net.check_books()


def test_a_revoked_wallets_refusal_of_money_is_left_to_its_own_bank(net: LedgerNetwork) -> None:
    """The payer's bank asks first, is told that there is nothing for it, and asks no more."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = net.pay(aigul, aigul.fund(500), baurzhan, 500)
    refusal = net.refuse(baurzhan, net.outputs(paid)[0])
    baurzhan.line().post("/v1/losses", [])
    net.settle_down()
    net.down.add(CENTRAL_BANK)
    aigul.upload(paid, refusal)
    net.banks["alatau"].node.work_round()
    net.down.clear()
    net.down.add("zhibek")
    net.settle_down()
    assert aigul.verdict(refusal).value == 500
    work = net.banks["alatau"].node.work
    assert not work.is_open(Job(JobKind.REDEEM, "", refusal.id))
    net.down.clear()
    net.settle_down()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 500, OPENING + 500)
    assert store_of(net.banks["alatau"].node).value("select count(*) from work where done = 0") == 0
    net.check_books()


def test_broken_limits_stand_and_revoke(net: LedgerNetwork) -> None:
    shop = net.customer("Shop", "zhibek")
    breaches = {
        "total": lambda body: replace(body, total=1_000_000_001),
        "no total": lambda body: replace(body, total=0),
        "days": lambda body: replace(body, time=body.time + 31 * 86_400),
    }
    for name, edit in breaches.items():
        cheat = net.customer(name)
        paid = net.pay(cheat, cheat.fund(400_000), shop, 300_000, edit=edit)
        (row,) = shop.upload(paid)
        assert verdict(row) is Verdict.SETTLED, name
        net.settle_down()
        assert reasons(net, cheat) == {Reason.LIMITS}, name
    net.check_books()


def test_the_running_total_counts_from_the_certificate(net: LedgerNetwork) -> None:
    """A purse that has paid more in its life than the limit allows between two reconcilings has broken nothing."""
    shop, before = net.customer("Shop"), 5_000_000_000
    for name, spent, expected in (("Aigul", before, None), ("Dauren", before - 1, Reason.LIMITS)):
        payer = net.customer(name)
        payer.certify(total=before)
        payer.person.total = spent
        (row,) = shop.upload(net.pay(payer, payer.fund(300_000), shop, 300_000))
        assert verdict(row) is Verdict.SETTLED
        net.settle_down()
        assert reasons(net, payer) == {expected}, name


def test_a_total_that_does_not_grow_revokes_and_one_that_does_never_does(net: LedgerNetwork) -> None:
    aigul, cheat, shop = net.customer("Aigul"), net.customer("Dauren"), net.customer("Shop")
    for payer, forget in ((aigul, False), (cheat, True)):
        tokens = payer.fund(100_000, 200_000, 300_000)
        made = []
        for token in tokens:
            if forget:
                payer.person.total = 0
            made.append(net.pay(payer, [token], shop, token.amount))
        assert all(one.body.sequence < two.body.sequence for one, two in pairwise(made))
        for transfer in reversed(made):
            shop.upload(transfer)
    assert reasons(net, aigul) == {None}
    assert reasons(net, cheat) == {Reason.LIMITS}


def test_a_merchant_that_is_recertified_in_the_second_in_which_it_pays_has_broken_nothing(
    net: LedgerNetwork,
) -> None:
    shop, supplier = net.customer("Shop", kind=WalletKind.MERCHANT), net.customer("Supplier")
    paid = net.pay(shop, shop.fund(400_000), supplier, 300_000)
    shop.certify_key(shop.person.key, total=shop.person.total)
    shop.upload(paid)
    supplier.upload(paid)
    assert reasons(net, shop) == {None}


def test_a_revoked_culprit_gets_no_certificate_and_only_its_account(net: LedgerNetwork) -> None:
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2")
    kept = cheat.fund(50_000, 60_000)
    first, second = double_spend(net, cheat, one, other)
    one.upload(first)
    other.upload(second)
    with pytest.raises(Refusal) as refused:
        cheat.certify()
    assert refused.value.code is Code.WALLET_REVOKED
    with pytest.raises(Refusal) as unfunded:
        cheat.fund(1_000)
    assert unfunded.value.code is Code.WALLET_REVOKED
    net.now += 10
    before = cheat.balance()
    refresh = net.refresh(cheat, kept[:1])
    row = next(row for row in cheat.upload(refresh) if row.txid == refresh.id)
    assert (row.issuance, row.value) == (None, 50_000)
    cheat.upload(net.defund(cheat, kept[1:]))
    assert cheat.balance() == before + 110_000
    net.settle_down()
    net.check_books()
