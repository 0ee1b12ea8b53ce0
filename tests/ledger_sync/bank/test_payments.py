"""Payments between customers of two banks, uploaded by anybody, in any order."""

from __future__ import annotations

from dataclasses import replace

from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from wallet.protocol.codes import Code
from wallet.protocol.settlement import Verdict


def test_a_payment_across_two_banks_settles_and_its_payee_redeems_it(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    tokens = aigul.fund(500_000, 200_000)
    assert aigul.balance() == OPENING - 700_000
    paid = net.pay(aigul, tokens[:1], baurzhan, 300_000)

    (row,) = baurzhan.upload(paid)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.values) == (Verdict.SETTLED, (300_000, 200_000))
    assert row.first is None
    assert [item.consumer for item in row.consumptions] == [paid.id]

    defund = net.defund(baurzhan, net.outputs(paid)[:1])
    (redeemed,) = [row for row in baurzhan.upload(defund) if row.txid == defund.id]
    assert (redeemed.issuance, redeemed.value) == (None, 300_000)
    assert baurzhan.balance() == OPENING + 300_000
    net.settle_down()
    net.check_books()


def test_the_same_upload_again_answers_as_first_and_says_when(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    (first,) = aigul.upload(paid)
    net.now += 1000
    (again,) = aigul.upload(paid)
    assert again.settlement == first.settlement
    assert first.settlement is not None
    assert again.first == first.settlement.time
    assert aigul.verdict(paid).settlement == first.settlement


def test_a_payment_its_payee_never_saw_is_found_at_the_other_bank(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    aigul.upload(paid)
    net.settle_down()
    bundle, rows = baurzhan.deliveries()
    assert [item.id for item in bundle.transfers] == [paid.id]
    assert [(row.txid, row.settlement and row.settlement.values) for row in rows] == [
        (paid.id, (300_000, 200_000))
    ]
    assert {item.id for item in bundle.issuances} == {ref.txid for ref in paid.body.inputs}
    again, none = baurzhan.deliveries()
    assert (again.transfers, none) == ((), [])


def test_fragments_come_in_any_order_and_what_lacks_an_ancestor_waits(net: LedgerNetwork) -> None:
    aigul, baurzhan, chingiz = (
        net.customer("Aigul"),
        net.customer("Baurzhan", "zhibek"),
        net.customer("Chingiz"),
    )
    first = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    second = net.pay(baurzhan, net.outputs(first)[:1], chingiz, 100_000)
    (alone,) = chingiz.upload(second, whole=False)
    assert alone.settlement is None
    aigul.upload(first)
    row = chingiz.verdict(second)
    assert row.settlement is not None, "its ancestor came, and its signer's certificate inside a request"
    assert row.settlement.verdict is Verdict.SETTLED


def test_an_invalid_transfer_is_refused_for_ever_and_commits_nothing(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    tokens = aigul.fund(500_000)
    bad = net.pay(aigul, tokens, baurzhan, 300_000, edit=lambda body: replace(body, amount=400_000))
    (row,) = baurzhan.upload(bad)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.code) == (Verdict.REFUSED, Code.VALUE_MISMATCH)
    good = net.pay(aigul, tokens, baurzhan, 300_000)
    (settled,) = baurzhan.upload(good)
    assert settled.settlement is not None
    assert settled.settlement.verdict is Verdict.SETTLED
    (again,) = baurzhan.upload(bad)
    assert again.settlement == row.settlement
