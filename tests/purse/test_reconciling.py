"""Reconciling: uploads in the order of descent, and answers that are kept once."""

from __future__ import annotations

from dataclasses import replace

from tests.support.purses import refused, total_held
from tests.support.small_ledger import repeated
from tests.support.wallets import WalletNetwork
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code


def test_what_was_received_and_paid_is_uploaded_with_all_that_it_needs(net: WalletNetwork) -> None:
    asel, berik, dina = net.wallet("asel", 100_000), net.wallet("berik"), net.wallet("dina")
    net.pay("asel", "berik", 60_000)
    net.pay("berik", "dina", 50_000)
    for wallet, transfers, requests in ((asel, 1, 1), (berik, 2, 2), (dina, 2, 1)):
        bundle = wallet.reconciling.uploads.next()
        assert (len(bundle.transfers), len(bundle.issuances), len(bundle.requests)) == (
            transfers,
            1,
            requests,
        )
    assert all(row.settlement is not None for row in net.ledger.upload(dina.reconciling.uploads.next()))


def test_settled_money_is_no_longer_unsettled(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    net.pay("asel", "berik", 60_000)
    net.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().unsettled) == (60_000, 0)
    assert berik.reconciling.uploads.next() == Bundle()


def test_change_of_unsettled_money_is_unsettled(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik, _ = net.wallet("berik"), net.wallet("dina")
    net.pay("asel", "berik", 60_000)
    net.pay("berik", "dina", 20_000)
    assert berik.balance().unsettled == berik.risk().unsettled == 40_000
    net.reconcile("berik")
    assert berik.balance().unsettled == 0


def test_uploads_in_pieces_give_the_same(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    for _ in range(5):
        net.pay("asel", "berik", 10_000)
    net.upload("berik", limit=2)
    assert berik.balance().unsettled == 0


def test_an_answer_twice_changes_nothing_and_the_first_verdict_stands(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    net.pay("asel", "berik", 60_000)
    rows = net.ledger.upload(berik.reconciling.uploads.next())
    berik.reconciling.answer(rows)
    before = (berik.balance(), berik.tokens())
    berik.reconciling.answer([repeated(row, net.world.now) for row in rows])
    assert (berik.balance(), berik.tokens()) == before
    berik.reconciling.answer([net.ledger.refuse(rows[0].transfer, Code.TOO_LATE)])
    assert (berik.balance(), berik.tokens()) == before


def test_an_unsigned_answer_is_not_believed(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    net.pay("asel", "berik", 60_000)
    (row,) = net.ledger.upload(berik.reconciling.uploads.next())
    assert row.settlement is not None
    forged = replace(row.settlement, signature=row.consumptions[0].signature)
    with refused(Code.SETTLEMENT_SIGNATURE):
        berik.reconciling.answer([replace(row, settlement=forged)])
    with refused(Code.SETTLEMENT_SIGNATURE):
        berik.reconciling.answer([replace(row, transfer=b"\0" * 32)])
    with refused(Code.NOTARY_SIGNATURE):
        bad = replace(row.consumptions[0], signature=row.settlement.signature)
        berik.reconciling.answer([replace(row, consumptions=(bad,))])
    assert berik.balance().unsettled == 60_000


def test_waiting_is_asked_for_again_next_time(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    net.pay("asel", "berik", 60_000)
    (row,) = net.ledger.upload(berik.reconciling.uploads.next())
    berik.reconciling.answer([replace(row, settlement=None, consumptions=())])
    assert berik.reconciling.uploads.next(passed={row.transfer}) == Bundle()
    assert [item.id for item in berik.reconciling.uploads.next().transfers] == [row.transfer]
    assert berik.balance().unsettled == 60_000


def test_what_the_ledger_refuses_is_worth_nothing(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    berik = net.wallet("berik")
    received = net.pay("asel", "berik", 60_000)
    berik.reconciling.answer([net.ledger.refuse(received.tokens[0].ref.txid, Code.TOO_LATE)])
    assert berik.balance().held == 0


def test_money_is_neither_made_nor_lost_on_the_way(net: WalletNetwork) -> None:
    for name in ("asel", "berik", "dina"):
        net.wallet(name, 50_000, 50_000)
    net.pay("asel", "berik", 70_000)
    net.pay("berik", "dina", 90_000)
    net.pay("dina", "asel", 110_000)
    assert total_held(net) == 300_000
    for name in ("dina", "asel", "berik", "dina", "asel"):
        net.reconcile(name, anew=True, refresh=True)
    assert total_held(net) == net.ledger.outstanding() == 300_000
