"""What happens late or behind a customer's back: refunds, late chains, banks that can't show what they committed."""

from __future__ import annotations

import os

from ledger_sync.sandbox.in_process import NOTARY
from tests.ledger_sync.bank.network import GRANT, OPENING, LedgerNetwork
from tests.support.world import DAY
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.settlement import Commit, Verdict
from wallet.protocol.transfer import TokenRef


def test_what_nobody_spends_is_refunded_after_expiry_and_grace_and_not_before(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    tokens = aigul.fund(500_000, 40_000)
    paid = net.pay(aigul, tokens[:1], baurzhan, 300_000)
    aigul.upload(paid)
    net.settle_down()
    net.now += 119 * DAY
    net.settle_down()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 540_000, OPENING)
    net.now += 2 * DAY
    net.settle_down()
    assert aigul.balance() == OPENING - 300_000
    assert baurzhan.balance() == OPENING + 300_000
    net.settle_down()
    net.check_books()
    assert net.central_books()[2] == 0


def test_a_chain_that_comes_after_the_refund_gets_nothing_and_blames_nobody(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 300_000)
    net.now += 121 * DAY
    net.settle_down()
    assert aigul.balance() == OPENING
    (row,) = baurzhan.upload(paid)
    assert row.settlement is not None
    said = row.settlement
    assert (said.verdict, said.values, said.code) == (Verdict.SHORT, (0, 0), Code.TOO_LATE)
    assert row.evidence is None
    defund = net.defund(baurzhan, net.outputs(paid)[:1])
    redeemed = next(row for row in baurzhan.upload(defund) if row.txid == defund.id)
    assert redeemed.value == 0
    net.settle_down()
    assert net.policy().revoked == {}
    net.check_books()


def forge_commit(net: LedgerNetwork, bank: str, ref: TokenRef, consumer: bytes | None = None) -> None:
    """A bank consumes a token for a transfer that does not exist, or that is not valid."""
    signer = net.network.signer(bank, "bank")
    commit = cose.sign(Commit(bank, consumer or os.urandom(32), (ref,), net.now), signer.sign)
    net.network.line(bank, NOTARY, signer).post("/v1/commits", [commit.to_cbor()])


def test_a_bank_that_cannot_show_what_it_committed_pays_and_no_key_is_named(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    tokens = aigul.fund(500_000)
    forge_commit(net, "zhibek", tokens[0].ref)
    paid = net.pay(aigul, tokens, baurzhan, 300_000)
    baurzhan.upload(paid)
    net.settle_down()
    row = baurzhan.verdict(paid)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.values) == (Verdict.SHORT, (0, 0))
    assert row.evidence is None
    assert net.policy().revoked == {}
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 300_000, OPENING + 300_000), (
        "payee before change"
    )
    assert net.books("zhibek")[1] == GRANT - 500_000
    net.check_books()


def test_a_silent_bank_keeps_a_conflict_waiting_and_then_pays(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    tokens = aigul.fund(500_000)
    forge_commit(net, "zhibek", tokens[0].ref)
    net.down.add("zhibek")
    paid = net.pay(aigul, tokens, baurzhan, 500_000)
    (row,) = baurzhan.upload(paid)
    assert row.settlement is None
    net.settle_down(30)
    assert baurzhan.verdict(paid).settlement is None, "a day has not passed"
    net.let_a_day_pass()
    assert baurzhan.balance() == OPENING + 500_000
    net.down.clear()
    net.settle_down()
    net.check_books()
